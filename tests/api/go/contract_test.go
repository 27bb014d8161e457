// The contract between the lab's cloud API and the vendor's Go client: the same list of cases as
// tests/api/test_contract.py, each as a subtest of TestContract. It needs HCLOUD_ENDPOINT and
// HCLOUD_TOKEN of a server that boots nothing.
package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

type suite struct {
	*testing.T
	ctx context.Context
	c   *hcloud.Client
}

func client(token string) *hcloud.Client {
	return hcloud.NewClient(
		hcloud.WithEndpoint(os.Getenv("HCLOUD_ENDPOINT")),
		hcloud.WithToken(token),
		hcloud.WithPollOpts(hcloud.PollOpts{BackoffFunc: hcloud.ConstantBackoff(10 * time.Millisecond)}),
	)
}

func (s suite) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s suite) refused(err error, code hcloud.ErrorCode) {
	s.Helper()
	if !hcloud.IsError(err, code) {
		s.Fatalf("got %v, want a refusal with %s", err, code)
	}
}

func (s suite) check(holds bool, format string, args ...any) {
	s.Helper()
	if !holds {
		s.Fatalf(format, args...)
	}
}

func (s suite) wait(actions ...*hcloud.Action) {
	s.Helper()
	s.ok(s.c.Action.WaitFor(s.ctx, actions...))
}

func must[T any](s suite) func(value T, _ *hcloud.Response, err error) T {
	return func(value T, _ *hcloud.Response, err error) T {
		s.Helper()
		s.ok(err)
		return value
	}
}

func (s suite) do(action *hcloud.Action, _ *hcloud.Response, err error) {
	s.Helper()
	s.ok(err)
	s.wait(action)
}

func (s suite) server(name string, change func(*hcloud.ServerCreateOpts)) *hcloud.Server {
	s.Helper()
	opts := hcloud.ServerCreateOpts{
		Name:       name,
		ServerType: &hcloud.ServerType{Name: "cx23"},
		Image:      &hcloud.Image{Name: "debian-12"},
		Location:   &hcloud.Location{Name: "fsn1"},
	}
	if change != nil {
		change(&opts)
	}
	made := must[hcloud.ServerCreateResult](s)(s.c.Server.Create(s.ctx, opts))
	s.wait(append(made.NextActions, made.Action)...)
	return s.read(made.Server.ID)
}

func (s suite) read(id int64) *hcloud.Server {
	s.Helper()
	found := must[*hcloud.Server](s)(s.c.Server.GetByID(s.ctx, id))
	s.check(found != nil, "server %d is gone", id)
	return found
}

func (s suite) drop(server *hcloud.Server) {
	s.Helper()
	gone := must[*hcloud.ServerDeleteResult](s)(s.c.Server.DeleteWithResult(s.ctx, server))
	s.wait(gone.Action)
}

func (s suite) key(name string) *hcloud.SSHKey {
	s.Helper()
	blob := append([]byte("\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"), fmt.Sprintf("%32s", name)...)
	return must[*hcloud.SSHKey](s)(s.c.SSHKey.Create(s.ctx, hcloud.SSHKeyCreateOpts{
		Name: name, PublicKey: "ssh-ed25519 " + base64.StdEncoding.EncodeToString(blob) + " lab",
		Labels: map[string]string{"case": "go"},
	}))
}

func (s suite) ip(name string, kind hcloud.PrimaryIPType) *hcloud.PrimaryIP {
	s.Helper()
	// This version of the client says where by data center.
	made := must[*hcloud.PrimaryIPCreateResult](s)(s.c.PrimaryIP.Create(s.ctx, hcloud.PrimaryIPCreateOpts{
		Name: name, Type: kind, AssigneeType: "server", Datacenter: "fsn1-dc14",
		AutoDelete: hcloud.Ptr(false),
	}))
	return made.PrimaryIP
}

func network(text string) net.IPNet {
	_, found, err := net.ParseCIDR(text)
	if err != nil {
		panic(err)
	}
	return *found
}

func udp(port string) hcloud.FirewallRule {
	return hcloud.FirewallRule{
		Direction: hcloud.FirewallRuleDirectionIn, Protocol: hcloud.FirewallRuleProtocolUDP,
		Port: hcloud.Ptr(port), SourceIPs: []net.IPNet{network("0.0.0.0/0"), network("::/0")},
		DestinationIPs: []net.IPNet{},
	}
}

func (s suite) firewall(name string, rules ...hcloud.FirewallRule) *hcloud.Firewall {
	s.Helper()
	made := must[hcloud.FirewallCreateResult](s)(s.c.Firewall.Create(s.ctx, hcloud.FirewallCreateOpts{
		Name: name, Rules: rules,
	}))
	s.wait(made.Actions...)
	return made.Firewall
}

func ports(wall *hcloud.Firewall) []string {
	found := []string{}
	for _, rule := range wall.Rules {
		found = append(found, *rule.Port)
	}
	return found
}

func resource(server *hcloud.Server) []hcloud.FirewallResource {
	return []hcloud.FirewallResource{{
		Type: hcloud.FirewallResourceTypeServer, Server: &hcloud.FirewallResourceServer{ID: server.ID},
	}}
}

func TestContract(t *testing.T) {
	token := os.Getenv("HCLOUD_TOKEN")
	if token == "" {
		t.Fatal("HCLOUD_TOKEN and HCLOUD_ENDPOINT must lead to a server on paper; run pytest tests/api")
	}
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			one.run(suite{t, context.Background(), client(token)})
		})
	}
}

var cases = []struct {
	name string
	run  func(suite)
}{
	{"catalogue", catalogue},
	{"ssh_keys", sshKeys},
	{"firewall_rules", firewallRules},
	{"firewall_in_use", firewallInUse},
	{"server_with_everything", serverWithEverything},
	{"fresh_addresses", freshAddresses},
	{"power", power},
	{"change_type", changeType},
	{"rebuild", rebuild},
	{"snapshot", snapshot},
	{"protection", protection},
	{"primary_ips", primaryIPs},
	{"reverse_dns", reverseDNS},
	{"placement_groups", placementGroups},
	{"pages_and_selectors", pagesAndSelectors},
	{"actions", actions},
	{"refusals", refusals},
}

func catalogue(s suite) {
	location := must[*hcloud.Location](s)(s.c.Location.GetByName(s.ctx, "hel1"))
	s.check(location != nil && location.NetworkZone == "eu-central", "location: %v", location)
	kind := must[*hcloud.ServerType](s)(s.c.ServerType.GetByName(s.ctx, "cx23"))
	s.check(kind != nil && kind.Cores == 2 && kind.Architecture == hcloud.ArchitectureX86, "type: %v", kind)
	for _, name := range []string{"debian-12", "debian-13"} {
		image := must[*hcloud.Image](s)(s.c.Image.GetByNameAndArchitecture(s.ctx, name, hcloud.ArchitectureX86))
		s.check(image != nil && image.Type == hcloud.ImageTypeSystem, "image: %v", image)
		none := must[*hcloud.Image](s)(s.c.Image.GetByNameAndArchitecture(s.ctx, name, hcloud.ArchitectureARM))
		s.check(none == nil, "an ARM image: %v", none)
	}
	none := must[*hcloud.Location](s)(s.c.Location.GetByName(s.ctx, "nowhere1"))
	s.check(none == nil, "found %v", none)
}

func sshKeys(s suite) {
	key := s.key("go-key")
	same := must[*hcloud.SSHKey](s)(s.c.SSHKey.GetByFingerprint(s.ctx, key.Fingerprint))
	s.check(same != nil && same.ID == key.ID, "by fingerprint: %v", same)
	_, _, err := s.c.SSHKey.Create(s.ctx, hcloud.SSHKeyCreateOpts{Name: "go-key-2", PublicKey: key.PublicKey})
	s.refused(err, hcloud.ErrorCodeUniquenessError)
	changed := must[*hcloud.SSHKey](s)(s.c.SSHKey.Update(s.ctx, key, hcloud.SSHKeyUpdateOpts{
		Name: "go-key-new", Labels: map[string]string{"a": "b"},
	}))
	s.check(changed.Name == "go-key-new" && changed.Labels["a"] == "b", "changed: %v", changed)
	_, err = s.c.SSHKey.Delete(s.ctx, key)
	s.ok(err)
	none := must[*hcloud.SSHKey](s)(s.c.SSHKey.GetByID(s.ctx, key.ID))
	s.check(none == nil, "still there: %v", none)
}

func firewallRules(s suite) {
	wall := s.firewall("go-wall", udp("51820-51823"))
	s.check(slices.Equal(ports(wall), []string{"51820-51823"}), "rules: %v", wall.Rules)
	s.check(wall.Rules[0].SourceIPs[1].String() == "::/0", "sources: %v", wall.Rules[0].SourceIPs)
	for _, wanted := range [][]string{{"1", "2-3"}, {}} {
		rules := []hcloud.FirewallRule{}
		for _, port := range wanted {
			rules = append(rules, udp(port))
		}
		done := must[[]*hcloud.Action](s)(s.c.Firewall.SetRules(s.ctx, wall, hcloud.FirewallSetRulesOpts{Rules: rules}))
		s.wait(done...)
		now := must[*hcloud.Firewall](s)(s.c.Firewall.GetByID(s.ctx, wall.ID))
		s.check(slices.Equal(ports(now), wanted), "rules: %v", now.Rules)
	}
	bad := udp("1")
	bad.Port = nil
	_, _, err := s.c.Firewall.SetRules(s.ctx, wall, hcloud.FirewallSetRulesOpts{Rules: []hcloud.FirewallRule{bad}})
	s.refused(err, hcloud.ErrorCodeInvalidInput)
	_, err = s.c.Firewall.Delete(s.ctx, wall)
	s.ok(err)
}

func firewallInUse(s suite) {
	wall, server := s.firewall("go-used", udp("1")), s.server("go-used", nil)
	s.wait(must[[]*hcloud.Action](s)(s.c.Firewall.ApplyResources(s.ctx, wall, resource(server)))...)
	now := must[*hcloud.Firewall](s)(s.c.Firewall.GetByID(s.ctx, wall.ID))
	s.check(len(now.AppliedTo) == 1 && now.AppliedTo[0].Server.ID == server.ID, "applied: %v", now.AppliedTo)
	s.check(s.read(server.ID).PublicNet.Firewalls[0].Status == hcloud.FirewallStatusApplied, "not applied")
	_, err := s.c.Firewall.Delete(s.ctx, wall)
	s.refused(err, hcloud.ErrorCodeResourceInUse)
	_, _, err = s.c.Firewall.ApplyResources(s.ctx, wall, resource(server))
	s.refused(err, hcloud.ErrorCodeFirewallAlreadyApplied)
	s.wait(must[[]*hcloud.Action](s)(s.c.Firewall.RemoveResources(s.ctx, wall, resource(server)))...)
	_, err = s.c.Firewall.Delete(s.ctx, wall)
	s.ok(err)
	s.drop(server)
}

func serverWithEverything(s suite) {
	key, wall := s.key("go-all"), s.firewall("go-all", udp("51820-51823"))
	ipv4, ipv6 := s.ip("go-all-4", hcloud.PrimaryIPTypeIPv4), s.ip("go-all-6", hcloud.PrimaryIPTypeIPv6)
	group := must[hcloud.PlacementGroupCreateResult](s)(s.c.PlacementGroup.Create(s.ctx, hcloud.PlacementGroupCreateOpts{
		Name: "go-all", Type: hcloud.PlacementGroupTypeSpread,
	})).PlacementGroup
	server := s.server("go-all", func(opts *hcloud.ServerCreateOpts) {
		opts.SSHKeys = []*hcloud.SSHKey{key}
		opts.Firewalls = []*hcloud.ServerCreateFirewall{{Firewall: *wall}}
		opts.PlacementGroup = group
		opts.UserData = "#cloud-config\n"
		opts.Labels = map[string]string{"role": "all"}
		opts.PublicNet = &hcloud.ServerCreatePublicNet{EnableIPv4: true, EnableIPv6: true, IPv4: ipv4, IPv6: ipv6}
	})
	s.check(server.Status == hcloud.ServerStatusRunning && !server.Locked, "status: %s", server.Status)
	s.check(server.PublicNet.IPv4.IP.Equal(ipv4.IP), "ipv4: %v, want %v", server.PublicNet.IPv4.IP, ipv4.IP)
	s.check(server.PublicNet.IPv6.Network.String() == ipv6.Network.String(), "ipv6: %v", server.PublicNet.IPv6)
	s.check(server.PlacementGroup.ID == group.ID && server.Labels["role"] == "all", "server: %v", server)
	s.check(server.Image.Name == "debian-12" && server.ServerType.Name == "cx23", "server: %v", server)
	s.check(server.Datacenter.Location.Name == "fsn1", "datacenter: %v", server.Datacenter)
	s.drop(server)
	none := must[*hcloud.Server](s)(s.c.Server.GetByID(s.ctx, server.ID))
	s.check(none == nil, "still there: %v", none)
	kept := must[*hcloud.PrimaryIP](s)(s.c.PrimaryIP.GetByID(s.ctx, ipv4.ID))
	s.check(kept != nil && kept.AssigneeID == 0, "address: %v", kept)
}

func freshAddresses(s suite) {
	server := s.server("go-fresh", nil)
	ipv4, ipv6 := server.PublicNet.IPv4, server.PublicNet.IPv6
	s.check(!ipv4.IsUnspecified() && ipv6.Network != nil, "addresses: %v", server.PublicNet)
	held := must[*hcloud.PrimaryIP](s)(s.c.PrimaryIP.GetByID(s.ctx, ipv4.ID))
	s.check(held.AutoDelete && held.AssigneeID == server.ID, "address: %v", held)
	s.drop(server)
	none := must[*hcloud.PrimaryIP](s)(s.c.PrimaryIP.GetByID(s.ctx, ipv4.ID))
	s.check(none == nil, "still there: %v", none)
	only := s.server("go-only-6", func(opts *hcloud.ServerCreateOpts) {
		opts.PublicNet = &hcloud.ServerCreatePublicNet{EnableIPv6: true}
	})
	s.check(only.PublicNet.IPv4.IsUnspecified(), "ipv4: %v", only.PublicNet.IPv4)
	s.drop(only)
}

func power(s suite) {
	server := s.server("go-power", func(opts *hcloud.ServerCreateOpts) { opts.StartAfterCreate = hcloud.Ptr(false) })
	s.check(server.Status == hcloud.ServerStatusOff, "status: %s", server.Status)
	for _, step := range []struct {
		run  func(context.Context, *hcloud.Server) (*hcloud.Action, *hcloud.Response, error)
		then hcloud.ServerStatus
	}{
		{s.c.Server.Poweron, hcloud.ServerStatusRunning},
		{s.c.Server.Reboot, hcloud.ServerStatusRunning},
		{s.c.Server.Reset, hcloud.ServerStatusRunning},
		{s.c.Server.Shutdown, hcloud.ServerStatusOff},
		{s.c.Server.Poweron, hcloud.ServerStatusRunning},
		{s.c.Server.Poweroff, hcloud.ServerStatusOff},
	} {
		s.do(step.run(s.ctx, server))
		now := s.read(server.ID).Status
		s.check(now == step.then, "status: %s, want %s", now, step.then)
	}
	s.drop(server)
}

func changeType(s suite) {
	server := s.server("go-type", nil)
	opts := hcloud.ServerChangeTypeOpts{ServerType: &hcloud.ServerType{Name: "cx33"}, UpgradeDisk: true}
	_, _, err := s.c.Server.ChangeType(s.ctx, server, opts)
	s.refused(err, hcloud.ErrorCodeServerNotStopped)
	s.do(s.c.Server.Poweroff(s.ctx, server))
	s.do(s.c.Server.ChangeType(s.ctx, server, opts))
	now := s.read(server.ID)
	s.check(now.ServerType.Name == "cx33" && now.PrimaryDiskSize == 80, "server: %v", now)
	s.check(now.Status == hcloud.ServerStatusRunning, "status: %s", now.Status)
	s.drop(server)
}

func rebuild(s suite) {
	server := s.server("go-rebuild", nil)
	result := must[hcloud.ServerRebuildResult](s)(s.c.Server.RebuildWithResult(s.ctx, server, hcloud.ServerRebuildOpts{
		Image: &hcloud.Image{Name: "debian-13"},
	}))
	s.wait(result.Action)
	now := s.read(server.ID)
	s.check(now.Image.Name == "debian-13" && now.Status == hcloud.ServerStatusRunning, "server: %v", now)
	s.check(now.PublicNet.IPv4.IP.Equal(server.PublicNet.IPv4.IP), "the address changed")
	s.drop(server)
}

func snapshot(s suite) {
	server := s.server("go-snapshot", nil)
	made := must[hcloud.ServerCreateImageResult](s)(s.c.Server.CreateImage(s.ctx, server, &hcloud.ServerCreateImageOpts{
		Type: hcloud.ImageTypeSnapshot, Description: hcloud.Ptr("golden"), Labels: map[string]string{"k": "v"},
	}))
	s.wait(made.Action)
	image := must[*hcloud.Image](s)(s.c.Image.GetByID(s.ctx, made.Image.ID))
	s.check(image.Status == hcloud.ImageStatusAvailable && image.CreatedFrom.ID == server.ID, "image: %v", image)
	s.check(image.Type == hcloud.ImageTypeSnapshot && image.Description == "golden", "image: %v", image)
	clone := s.server("go-clone", func(opts *hcloud.ServerCreateOpts) { opts.Image = image })
	s.check(clone.Image.ID == image.ID, "image: %v", clone.Image)
	s.drop(clone)
	s.drop(server)
	_, err := s.c.Image.Delete(s.ctx, image)
	s.ok(err)
	none := must[*hcloud.Image](s)(s.c.Image.GetByID(s.ctx, image.ID))
	s.check(none == nil, "still there: %v", none)
}

func protection(s suite) {
	server := s.server("go-protected", nil)
	protect := func(on bool) {
		s.do(s.c.Server.ChangeProtection(s.ctx, server, hcloud.ServerChangeProtectionOpts{Delete: &on, Rebuild: &on}))
	}
	protect(true)
	_, _, err := s.c.Server.DeleteWithResult(s.ctx, server)
	s.refused(err, hcloud.ErrorCodeProtected)
	_, _, err = s.c.Server.RebuildWithResult(s.ctx, server, hcloud.ServerRebuildOpts{Image: &hcloud.Image{Name: "debian-13"}})
	s.refused(err, hcloud.ErrorCodeProtected)
	protect(false)
	s.drop(server)
}

func primaryIPs(s suite) {
	server, one := s.server("go-ips", nil), s.ip("go-ips", hcloud.PrimaryIPTypeIPv4)
	assign := hcloud.PrimaryIPAssignOpts{ID: one.ID, AssigneeID: server.ID, AssigneeType: "server"}
	_, _, err := s.c.PrimaryIP.Assign(s.ctx, assign)
	s.refused(err, hcloud.ErrorCodeServerNotStopped)
	s.do(s.c.Server.Poweroff(s.ctx, server))
	_, _, err = s.c.PrimaryIP.Assign(s.ctx, assign)
	s.refused(err, hcloud.ErrorCodeServerHasIPv4)
	s.do(s.c.PrimaryIP.Unassign(s.ctx, server.PublicNet.IPv4.ID))
	s.do(s.c.PrimaryIP.Assign(s.ctx, assign))
	now := s.read(server.ID)
	s.check(now.PublicNet.IPv4.IP.Equal(one.IP), "ipv4: %v, want %v", now.PublicNet.IPv4.IP, one.IP)
	_, err = s.c.PrimaryIP.Delete(s.ctx, one)
	s.refused(err, "must_be_unassigned")
	s.drop(server)
	s.do(s.c.PrimaryIP.ChangeProtection(s.ctx, hcloud.PrimaryIPChangeProtectionOpts{ID: one.ID, Delete: true}))
	_, err = s.c.PrimaryIP.Delete(s.ctx, one)
	s.refused(err, hcloud.ErrorCodeProtected)
	s.do(s.c.PrimaryIP.ChangeProtection(s.ctx, hcloud.PrimaryIPChangeProtectionOpts{ID: one.ID, Delete: false}))
	_, err = s.c.PrimaryIP.Delete(s.ctx, one)
	s.ok(err)
}

func reverseDNS(s suite) {
	server, one := s.server("go-ptr", nil), s.ip("go-ptr", hcloud.PrimaryIPTypeIPv6)
	ip := one.IP.String() + "7"
	s.do(s.c.PrimaryIP.ChangeDNSPtr(s.ctx, hcloud.PrimaryIPChangeDNSPtrOpts{ID: one.ID, IP: ip, DNSPtr: "seven.example.com"}))
	now := must[*hcloud.PrimaryIP](s)(s.c.PrimaryIP.GetByID(s.ctx, one.ID))
	s.check(now.DNSPtr[ip] == "seven.example.com", "names: %v", now.DNSPtr)
	_, _, err := s.c.PrimaryIP.ChangeDNSPtr(s.ctx, hcloud.PrimaryIPChangeDNSPtrOpts{ID: one.ID, IP: "2001:db8:f::1", DNSPtr: "x"})
	s.refused(err, hcloud.ErrorCodeInvalidInput)
	address := server.PublicNet.IPv4.IP.String()
	s.do(s.c.Server.ChangeDNSPtr(s.ctx, server, address, hcloud.Ptr("four.example.com")))
	s.check(s.read(server.ID).PublicNet.IPv4.DNSPtr == "four.example.com", "the name did not change")
	s.do(s.c.Server.ChangeDNSPtr(s.ctx, server, address, nil))
	s.check(s.read(server.ID).PublicNet.IPv4.DNSPtr == server.PublicNet.IPv4.DNSPtr, "not reset")
	s.drop(server)
}

func placementGroups(s suite) {
	group := must[hcloud.PlacementGroupCreateResult](s)(s.c.PlacementGroup.Create(s.ctx, hcloud.PlacementGroupCreateOpts{
		Name: "go-spread", Type: hcloud.PlacementGroupTypeSpread,
	})).PlacementGroup
	spread := func(opts *hcloud.ServerCreateOpts) { opts.PlacementGroup = group }
	servers := []*hcloud.Server{}
	for index := range 10 {
		servers = append(servers, s.server(fmt.Sprintf("go-spread-%d", index), spread))
	}
	_, _, err := s.c.Server.Create(s.ctx, hcloud.ServerCreateOpts{
		Name: "go-spread-10", ServerType: &hcloud.ServerType{Name: "cx23"},
		Image: &hcloud.Image{Name: "debian-12"}, PlacementGroup: group,
	})
	s.refused(err, hcloud.ErrorCodePlacementError)
	s.do(s.c.Server.RemoveFromPlacementGroup(s.ctx, servers[0]))
	_, _, err = s.c.Server.AddToPlacementGroup(s.ctx, servers[0], group)
	s.refused(err, hcloud.ErrorCodeServerNotStopped)
	s.do(s.c.Server.Poweroff(s.ctx, servers[0]))
	s.do(s.c.Server.AddToPlacementGroup(s.ctx, servers[0], group))
	full := must[*hcloud.PlacementGroup](s)(s.c.PlacementGroup.GetByName(s.ctx, "go-spread"))
	s.check(len(full.Servers) == 10, "members: %v", full.Servers)
	for _, server := range servers {
		s.drop(server)
	}
	_, err = s.c.PlacementGroup.Delete(s.ctx, group)
	s.ok(err)
}

func pagesAndSelectors(s suite) {
	for index := range 60 {
		_, _, err := s.c.Firewall.Create(s.ctx, hcloud.FirewallCreateOpts{
			Name:   fmt.Sprintf("go-page-%02d", index),
			Labels: map[string]string{"page": "go", "odd": fmt.Sprint(index % 2)},
		})
		s.ok(err)
	}
	list := hcloud.FirewallListOpts{ListOpts: hcloud.ListOpts{LabelSelector: "page=go"}, Sort: []string{"name:desc"}}
	all, err := s.c.Firewall.AllWithOpts(s.ctx, list)
	s.ok(err)
	s.check(len(all) == 60 && all[0].Name == "go-page-59", "%d firewalls, first %s", len(all), all[0].Name)
	list.LabelSelector = "page=go,odd!=1"
	even, err := s.c.Firewall.AllWithOpts(s.ctx, list)
	s.ok(err)
	s.check(len(even) == 30, "%d even ones", len(even))
	list.PerPage, list.Page = 7, 2
	page, response, err := s.c.Firewall.List(s.ctx, list)
	s.ok(err)
	meta := response.Meta.Pagination
	s.check(len(page) == 7 && meta.NextPage == 3 && meta.LastPage == 5 && meta.TotalEntries == 30, "meta: %v", meta)
	for _, wall := range all {
		_, err := s.c.Firewall.Delete(s.ctx, wall)
		s.ok(err)
	}
}

func actions(s suite) {
	server := s.server("go-actions", nil)
	action := must[*hcloud.Action](s)(s.c.Server.Poweroff(s.ctx, server))
	s.wait(action)
	found, err := s.c.Action.AllWithOpts(s.ctx, hcloud.ActionListOpts{ID: []int64{action.ID}})
	s.ok(err)
	s.check(len(found) == 1 && found[0].Command == "stop_server", "found: %v", found)
	s.check(found[0].Status == hcloud.ActionStatusSuccess && found[0].Progress == 100, "action: %v", found[0])
	about := must[[]*hcloud.Action](s)(s.c.Server.Action.List(s.ctx, hcloud.ActionListOpts{Sort: []string{"id:desc"}}))
	s.check(about[0].ID == action.ID, "the last one is %v", about[0])
	s.drop(server)
}

func refusals(s suite) {
	none := must[*hcloud.Server](s)(s.c.Server.GetByID(s.ctx, 999999))
	s.check(none == nil, "found %v", none)
	create := func(name, kind, image string) error {
		_, _, err := s.c.Server.Create(s.ctx, hcloud.ServerCreateOpts{
			Name: name, ServerType: &hcloud.ServerType{Name: kind}, Image: &hcloud.Image{Name: image},
		})
		return err
	}
	s.refused(create("not_a_hostname", "cx23", "debian-12"), hcloud.ErrorCodeInvalidInput)
	s.refused(create("go-bad", "cx999", "debian-12"), hcloud.ErrorCodeInvalidInput)
	s.refused(create("go-bad", "cx23", "debian-99"), hcloud.ErrorCodeInvalidInput)
	server := s.server("go-twice", nil)
	s.refused(create("go-twice", "cx23", "debian-12"), hcloud.ErrorCodeUniquenessError)
	_, _, err := s.c.Server.Update(s.ctx, server, hcloud.ServerUpdateOpts{Labels: map[string]string{"ö": "x"}})
	s.refused(err, hcloud.ErrorCodeInvalidInput)
	_, _, err = client("wrong").Server.GetByID(s.ctx, server.ID)
	s.refused(err, hcloud.ErrorCodeUnauthorized)
	s.drop(server)
}
