// The page by hand: filter, choose, look at a node. Texts are set, never read as markup.
(() => {
  const model = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const numbers = new Map(model.nodes.map((node, index) => [node.name, index]));
  const rows = [...document.querySelectorAll("#nodes tbody tr")];
  const links = rows.map((row) => row.querySelector("a"));
  const cards = new Map();
  for (const card of document.querySelectorAll("#picture [data-node]")) cards.set(card.dataset.node, card);
  const hay = model.nodes.map((node) =>
    [node.name, node.site, node.key, node.endpoint, node.mark, node.state, node.gateway === null ? "" : "gateway", ...node.roles,
      ...Object.values(node.addresses).flatMap((both) => Object.values(both))].join("\n").toLowerCase());
  let shown = model.nodes.map((_, index) => index);
  const summary = [...byId("details-body").childNodes];
  let chosen = -1;
  let from = null;

  const make = (name, text, attributes = {}) => {
    const element = document.createElement(name);
    if (text !== undefined && text !== null) element.textContent = text;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const table = (heads, body, caption) => {
    const [made, head, line, list] = ["table", "thead", "tr", "tbody"].map((name) => make(name));
    made.append(make("caption", caption), head, list);
    head.append(line);
    line.append(...heads.map((text) => make("th", text, { scope: "col" })));
    for (const cells of body) {
      const row = make("tr");
      row.append(...cells);
      list.append(row);
    }
    return made;
  };

  const slot = () => document.querySelector("input[name=plane]:checked")?.value;
  const matrix = model.live
    ? new Matrix(byId("matrix"), model, (text) => { byId("cell").value = text; }, (index) => choose(index, byId("matrix")))
    : null;

  function filter() {
    const words = byId("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const only = byId("only")?.checked;
    shown = model.nodes.map((_, index) => index).filter((index) =>
      words.every((word) => hay[index].includes(word)) && (!only || model.nodes[index].findings.length > 0));
    const kept = new Set(shown);
    rows.forEach((row, index) => { row.hidden = !kept.has(index); });
    model.nodes.forEach((node, index) => cards.get(node.name)?.classList.toggle("faded", !kept.has(index)));
    byId("shown").value = shown.length === model.nodes.length ? `${shown.length} nodes` : `${shown.length} of ${model.nodes.length} nodes`;
    rove(shown.includes(chosen) ? chosen : shown[0]);
    matrix?.show(slot(), shown);
    const plane = model.planes.find((one) => one.slot === slot());
    if (matrix) byId("which").textContent = `Shown: ${plane.interface} ${plane.slot}`;
  }

  /** One stop of the Tab key for the whole list; arrow keys move inside it. */
  function rove(index) {
    links.forEach((link, at) => { link.tabIndex = at === index ? 0 : -1; });
  }

  function choose(index, opener) {
    if (index < 0 || index === undefined) return;
    if (opener) from = opener;
    mark(index);
    history.replaceState(null, "", links[index].getAttribute("href"));
    byId("details").focus({ preventScroll: window.innerWidth > 900 });
  }

  function mark(index) {
    if (chosen >= 0) {
      rows[chosen].classList.remove("chosen");
      cards.get(model.nodes[chosen].name)?.classList.remove("chosen");
      links[chosen].removeAttribute("aria-current");
    }
    chosen = index;
    document.body.classList.toggle("one", index >= 0);
    if (index < 0) {
      byId("details-title").textContent = "The mesh";
      byId("details-body").replaceChildren(...summary);
      return;
    }
    rows[index].classList.add("chosen");
    cards.get(model.nodes[index].name)?.classList.add("chosen");
    links[index].setAttribute("aria-current", "true");
    rove(index);
    detail(model.nodes[index], index);
  }

  function detail(node, index) {
    const list = make("dl");
    const put = (name, value) => {
      if (value !== null && value !== undefined && value !== "") list.append(make("dt", name), make("dd", value));
    };
    byId("details-title").textContent = node.name;
    put("state", rows[index].querySelectorAll("td")[2].textContent);
    put("site", node.site);
    put("id", node.key);
    put("endpoint", node.endpoint ?? "not known before it is made");
    put("roles", node.roles.join(", "));
    put("gateway", node.gateway === null ? null : `slot ${node.gateway}`);
    put("machine", [node.type, node.image].filter(Boolean).join(", "));
    for (const [kind, value] of Object.entries(node.generation)) put(kind, value);
    put("ways in", model.live && !node.mark ? ["wg1", "wg0"].map((way) => `${way} ${node.ways[way] ? "yes" : "no"}`).join(", ") : null);
    for (const [way, why] of Object.entries(node.why)) put(`no ${way}`, why);
    put("timer", node.timer === null ? null : `undoes the active generation in ${Math.round(node.timer)} s`);
    put("clock", node.clock === null ? null : `${node.clock} s off this machine's`);
    const parts = [list];
    if (node.findings.length) {
      const found = make("ul");
      for (const at of node.findings) {
        const item = make("li");
        item.append(make("a", `${model.findings[at].source}: ${model.findings[at].what}`, { href: `#finding-${at}` }));
        found.append(item);
      }
      parts.push(make("h3", "Findings"), found);
    }
    const places = Object.entries(node.addresses).map(([name, both]) =>
      [make("th", name, { scope: "row" }), make("td", both.ipv4), make("td", both.ipv6)]);
    parts.push(table(["plane", "IPv4", "IPv6"], places, "Addresses"));
    const ends = model.links.filter((link) => link.from === node.name).map((link) =>
      [make("th", link.to, { scope: "row" }), make("td", link.interface), make("td", link.age === null ? "-" : `${link.age} s`), make("td", link.bgp ?? "-")]);
    if (ends.length) parts.push(table(["gateway", "link", "handshake", "BGP"], ends, "Links"));
    if (model.live) parts.push(peers(index));
    byId("details-body").replaceChildren(...parts);
  }

  function peers(index) {
    const planes = model.planes.map((plane) => plane.slot);
    const body = [];
    model.nodes.forEach((peer, at) => {
      const ages = planes.map((plane) => model.ages[plane][index][at]);
      if (ages.every((age) => age < UNASKED)) return;
      body.push([make("th", peer.name, { scope: "row" }), ...ages.map((age) => {
        const kind = step(age, model.fresh);
        const text = age >= 0 ? `${age} s` : age === NEVER ? "none" : age === UNASKED ? "?" : "";
        return make("td", text, kind === 3 ? { class: "stale" } : kind === 4 ? { class: "never" } : {});
      })]);
    });
    return body.length
      ? table(["peer", ...model.planes.map((plane) => plane.interface)], body, "Seconds since the handshake with each peer; ? where this node did not answer")
      : make("p", "No session with it is to be.", { class: "soft" });
  }

  function stale() {
    const at = byId("at");
    if (!at) return;
    const minutes = Math.floor((Date.now() - Date.parse(at.dateTime)) / 60000);
    const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60)];
    const ago = minutes < 2 ? "" : minutes < 120 ? `${minutes} minutes ago.` : hours < 48 ? `${hours} hours ago.` : `${days} days ago.`;
    const old = minutes >= 15;
    byId("stale").textContent = old ? `${ago} What it shows may have changed.` : ago;
    byId("stale").classList.toggle("old", old);
  }

  function place() {
    const index = links.findIndex((link) => link.getAttribute("href") === location.hash);
    if (index >= 0) mark(index);
  }

  byId("tools").addEventListener("submit", (event) => { event.preventDefault(); choose(shown[0] ?? -1, byId("find")); });
  byId("tools").addEventListener("input", filter);
  byId("nodes")?.addEventListener("click", (event) => {
    const row = event.target.closest("tbody tr");
    if (!row) return;
    event.preventDefault();
    const index = rows.indexOf(row);
    choose(index, links[index]);
  });
  byId("nodes")?.addEventListener("keydown", (event) => {
    const at = shown.indexOf(links.indexOf(event.target));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: shown.length - 1 }[event.key];
    if (at < 0 || to === undefined || to < 0 || to >= shown.length) return;
    event.preventDefault();
    rove(shown[to]);
    links[shown[to]].focus();
  });
  for (const [name, card] of cards) card.addEventListener("click", () => choose(numbers.get(name), null));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || chosen < 0) return;
    const back = from ?? links[chosen];
    mark(-1);
    history.replaceState(null, "", location.pathname + location.search);
    from = null;
    back.focus();
  });
  window.addEventListener("hashchange", place);
  const draw = () => matrix?.draw();
  window.addEventListener("resize", draw);
  window.addEventListener("beforeprint", draw);
  window.addEventListener("afterprint", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  matchMedia("print").addEventListener("change", draw);
  if (links.length) {
    const worst = model.planes.find((plane) => plane.heard !== plane.expected);
    const radios = [...document.querySelectorAll("input[name=plane]")];
    if (worst) for (const radio of radios) radio.checked = radio.value === worst.slot;
    filter();
    place();
  }
  stale();
  setInterval(stale, 20000);
  document.body.dataset.ready = "true";
})();
