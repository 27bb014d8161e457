"use strict";
// The matrix of handshake ages, drawn on a canvas: 40,000 cells are no elements.

const NEVER = -1, UNASKED = -2;

const FONT = "12px system-ui, sans-serif";

/** A name, cut where it is too long for its place. */
function short(name, most) {
  return name.length > most ? `${name.slice(0, most - 1)}…` : name;
}

/** Which step of the legend an age is; page.css has their colours. */
function step(age, fresh) {
  if (age >= 0) return age > fresh ? 3 : Math.min(2, Math.floor((age * 3) / (fresh + 1)));
  return age === NEVER ? 4 : age === UNASKED ? 5 : 6;
}

/** An age in words. */
function told(age, fresh) {
  if (age >= 0) return age > fresh ? `${age} s: carries nothing` : `${age} s`;
  return age === NEVER ? "no handshake" : age === UNASKED ? "node did not answer" : "none is to be";
}

class Matrix {
  constructor(canvas, model, say, choose) {
    Object.assign(this, { canvas, model, say, choose, at: [0, 0], slot: "", rows: [], pointed: false });
    canvas.addEventListener("mousemove", (event) => this.point(event));
    canvas.addEventListener("click", (event) => {
      if (this.point(event)) this.choose(this.rows[this.at[0]]);
    });
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => this.move(0, 0));
    canvas.addEventListener("blur", () => this.draw());
  }

  /** Show a plane, and of its rows those of some nodes. */
  show(slot, rows) {
    this.slot = slot;
    this.rows = rows;
    this.at = [Math.max(0, Math.min(this.at[0], rows.length - 1)), this.at[1]];
    this.draw();
  }

  /** Px of a cell, and of the names beside it. */
  measure() {
    const count = this.model.nodes.length;
    const room = Math.max(240, this.canvas.parentElement.clientWidth);
    const large = Math.floor((Math.min(room, 1100) - 190) / count) >= 14;
    const pen = this.canvas.getContext("2d");
    pen.font = FONT;
    const wide = Math.max(0, ...this.model.nodes.map((node) => pen.measureText(short(node.name, 20)).width));
    const [names, after] = large ? [Math.ceil(wide) + 8, 0.5 * wide + 8] : [46, 0];
    const size = Math.max(large ? 14 : 3, Math.min(32, Math.floor((Math.min(room, 1100) - names - after) / count)));
    return { size, names, large, after, top: large ? Math.ceil(wide * 0.87) + 14 : 26 };
  }

  draw() {
    const { canvas, model, rows } = this;
    const { size, names, large, top, after } = (this.measured = this.measure());
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const steps = [0, 1, 2, 3, 4, 5, 6].map((one) => colour(`--a${one}`));
    const [ink, mild, paper] = [colour("--fg"), colour("--mild"), colour("--bg")];
    const columns = model.nodes.length, sharp = window.devicePixelRatio || 1;
    const [width, height] = [names + columns * size + after + 1, top + Math.max(1, rows.length) * size + 1];
    canvas.width = Math.round(width * sharp);
    canvas.height = Math.round(height * sharp);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const pen = canvas.getContext("2d");
    pen.scale(sharp, sharp);
    const gap = size >= 6 ? 1 : 0, ages = model.ages[this.slot];
    rows.forEach((row, y) => {
      for (let x = 0; x < columns; x += 1) {
        const kind = step(ages[row][x], model.fresh);
        pen.fillStyle = steps[kind];
        pen.fillRect(names + x * size, top + y * size, size - gap, size - gap);
        if (kind > 2 && kind < 6 && size >= 6) this.mark(pen, kind, names + x * size, top + y * size, size - gap, paper);
      }
    });
    this.label(pen, { size, names, large, top, ink, mild });
    if (document.activeElement === canvas && rows.length) {
      pen.strokeStyle = ink;
      pen.lineWidth = 2;
      pen.strokeRect(names + this.at[1] * size - 1, top + this.at[0] * size - 1, size + 1, size + 1);
    }
  }

  /** A shape on what is not well, so that nobody needs its colour. */
  mark(pen, kind, x, y, size, paper) {
    pen.strokeStyle = paper;
    pen.lineWidth = Math.max(1, size / 8);
    pen.beginPath();
    if (kind !== 5) {
      pen.moveTo(x, y + size);
      pen.lineTo(x + size, y);
    }
    if (kind === 4) {
      pen.moveTo(x, y);
      pen.lineTo(x + size, y + size);
    }
    if (kind === 5) {
      for (let below = size / 4; below < size; below += size / 4) {
        pen.moveTo(x, y + below);
        pen.lineTo(x + size, y + below);
      }
    }
    pen.stroke();
  }

  /** Names of nodes where there is room for them, else of sites. */
  label(pen, { size, names, large, top, ink, mild }) {
    const { model, rows } = this;
    pen.font = FONT;
    pen.textBaseline = "middle";
    if (large) {
      pen.fillStyle = ink;
      pen.textAlign = "right";
      rows.forEach((row, y) => pen.fillText(short(model.nodes[row].name, 20), names - 8, top + (y + 0.5) * size));
      pen.textAlign = "left";
      model.nodes.forEach((node, x) => {
        pen.save();
        pen.translate(names + (x + 0.5) * size, top - 6);
        pen.rotate(-Math.PI / 3);
        pen.fillText(short(node.name, 20), 0, 0);
        pen.restore();
      });
      return;
    }
    pen.fillStyle = mild;
    const first = (of, index) => index === 0 || model.nodes[of[index]].site !== model.nodes[of[index - 1]].site;
    rows.forEach((row, y) => {
      if (!first(rows, y)) return;
      pen.fillText(short(model.nodes[row].site, 7), 0, top + y * size + 6);
      pen.fillRect(0, top + y * size - 1, names + model.nodes.length * size, 1);
    });
    const all = model.nodes.map((_, index) => index);
    all.forEach((column) => {
      if (!first(all, column)) return;
      pen.fillText(short(model.nodes[column].site, 12), names + column * size + 3, 10);
      pen.fillRect(names + column * size - 1, 0, 1, top + rows.length * size);
    });
  }

  point(event) {
    const { size, names, top } = this.measured;
    const box = this.canvas.getBoundingClientRect();
    const row = Math.floor((event.clientY - box.top - top) / size);
    const column = Math.floor((event.clientX - box.left - names) / size);
    if (row < 0 || column < 0 || row >= this.rows.length || column >= this.model.nodes.length) return false;
    if (row !== this.at[0] || column !== this.at[1] || !this.pointed) {
      this.at = [row, column];
      this.tell();
    }
    this.pointed = true;
    return true;
  }

  key(event) {
    const far = event.ctrlKey ? 10 : 1;
    const moves = { ArrowUp: [-far, 0], ArrowDown: [far, 0], ArrowLeft: [0, -far], ArrowRight: [0, far] };
    if (moves[event.key]) {
      event.preventDefault();
      this.move(...moves[event.key]);
    } else if (event.key === "Enter" && this.rows.length) {
      event.preventDefault();
      this.choose(this.rows[this.at[0]]);
    }
  }

  move(down, right) {
    const within = (value, count) => Math.max(0, Math.min(count - 1, value));
    this.at = [within(this.at[0] + down, this.rows.length), within(this.at[1] + right, this.model.nodes.length)];
    this.draw();
    this.tell();
  }

  tell() {
    const { model, rows, slot } = this;
    if (!rows.length) return this.say("No node is shown.");
    const [row, column] = [rows[this.at[0]], this.at[1]];
    const [here, peer] = [model.nodes[row].name, model.nodes[column].name];
    return this.say(`${here} with ${peer} on ${slot}: ${told(model.ages[slot][row][column], model.fresh)}`);
  }
}
