// ---- The run, as data.go has packed it: columns, instants as differences. ----

const raw = JSON.parse(document.getElementById("data").textContent);
const nodes = raw.nodes || [];
const texts = raw.texts || [];
const end = Math.max(raw.end, 1);
const outcomes = ["ok", "fail", "unknown"];
const GET = 0, PUT = 1, DELETE = 2, SCAN = 3;
const OK = 0, FAIL = 1, UNKNOWN = 2;

function sums(column) {
  const out = new Float64Array((column || []).length);
  let at = 0;
  for (let i = 0; i < out.length; i++) out[i] = at += column[i];
  return out;
}

// firstFrom returns the first index at which a sorted column is at least t.
function firstFrom(column, t) {
  let low = 0, high = column.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (column[mid] < t) low = mid + 1; else high = mid;
  }
  return low;
}

// Spans finds those of many intervals, sorted by their beginning, that touch a
// time, without looking at all: it knows the last end of every 256.
class Spans {
  constructor(begin, end) {
    this.begin = begin;
    this.end = end;
    this.last = new Float64Array(Math.ceil(begin.length / 256));
    for (let i = 0; i < begin.length; i++) this.last[i >> 8] = Math.max(this.last[i >> 8], end[i]);
  }
  each(from, until, visit) {
    const stop = firstFrom(this.begin, until + 1);
    for (let b = 0; b << 8 < stop; b++) {
      if (this.last[b] < from) continue;
      for (let i = b << 8, to = Math.min(stop, (b + 1) << 8); i < to; i++) if (this.end[i] >= from) visit(i);
    }
  }
}

// ---- Operations, in rows: a client after another where they do not overlap. ----

const ops = { ...raw.ops, n: (raw.ops.id || []).length };
ops.call = sums(raw.ops.call);
ops.end = ops.call.map((t, i) => t + raw.ops.took[i]);
ops.spans = new Spans(ops.call, ops.end);
ops.byID = new Map((ops.id || []).map((id, i) => [id, i]));
const isWrite = i => ops.kind[i] === PUT || ops.kind[i] === DELETE;

const blamed = (raw.blamed || []).map(id => ops.byID.get(id));
const blame = new Map(blamed.map((i, n) => [i, n + 1])); // operation to its number

function rowsOfClients() {
  const life = new Map();
  for (let i = 0; i < ops.n; i++) {
    const l = life.get(ops.client[i]);
    if (!l) life.set(ops.client[i], { client: ops.client[i], from: ops.call[i], until: ops.end[i] });
    else l.until = Math.max(l.until, ops.end[i]);
  }
  const rows = [];
  for (const l of [...life.values()].sort((a, b) => a.from - b.from || a.client - b.client)) {
    let row = rows.find(r => r.until <= l.from);
    if (!row) rows.push(row = { until: 0, clients: [] });
    row.until = l.until;
    row.clients.push(l);
  }
  const of = new Map();
  rows.forEach((row, r) => row.clients.forEach(l => of.set(l.client, r)));
  ops.row = Int32Array.from({ length: ops.n }, (_, i) => of.get(ops.client[i]));
  return rows;
}
const rows = rowsOfClients();

// ---- Messages. ----

const sent = { ...raw.messages, n: (raw.messages.at || []).length };
sent.at = sums(raw.messages.at);
const usual = (() => { // how long a message takes as a rule: lost ones are drawn so
  const took = (raw.messages.took || []).filter(t => t >= 0).sort((a, b) => a - b);
  return took.length ? took[took.length >> 1] : end / 100;
})();
const lost = i => raw.messages.took[i] < 0;
sent.end = sent.at.map((t, i) => t + (lost(i) ? usual : raw.messages.took[i]));
sent.spans = new Spans(sent.at, sent.end);
const firstWord = s => /^[^\s:;,.]*/.exec(s)[0];
const carries = i => sent.count[i] > 0;
const brings = (i, index) => sent.first[i] <= index && index < sent.first[i] + sent.count[i];

// nameOf says in a few words what a message is: its kind and its entries.
function nameOf(i) {
  const t = texts[sent.text[i]], first = sent.first[i], n = sent.count[i];
  if (n) return `${firstWord(t)} ${first}${n > 1 ? ".." + (first + n - 1) : ""}`;
  return t.replace(/ in epoch [^:]*:/, ":").split(/ after |, /)[0];
}
const messageKinds = (() => {
  const count = new Map();
  for (let i = 0; i < sent.n; i++) {
    const w = firstWord(texts[sent.text[i]]);
    count.set(w, (count.get(w) || 0) + 1);
  }
  return [...count].sort((a, b) => b[1] - a[1]).slice(0, 7).map(([w]) => w);
})();

// ---- Positions, by node. ----

const series = ["written", "synced", "committed", "applied"];
const places = nodes.map(() => ({ at: [], role: [], epoch: [], written: [], synced: [], committed: [], applied: [] }));
const furthest = { at: [], index: [] }; // the greatest index that any node has
(() => {
  const p = raw.positions, at = sums(p.at), now = nodes.map(() => 0);
  for (let k = 0; k < at.length; k++) {
    const n = p.node[k], one = places[n], last = one.at.length - 1;
    one.at.push(at[k]);
    one.role.push(texts[p.role[k]]);
    one.epoch.push(texts[p.epoch[k]]);
    for (const s of series) one[s].push((last < 0 ? 0 : one[s][last]) + p[s][k]);
    now[n] = one.written[last + 1];
    furthest.at.push(at[k]);
    furthest.index.push(Math.max(...now));
  }
})();
const hasPlaces = places.some(p => p.at.length);

// placeAt returns the index of a node's position at t, or -1.
const placeAt = (n, t) => firstFrom(places[n].at, t + 1) - 1;

// reigns returns, for a node, the parts of time with one role and epoch.
const reigns = places.map(p => {
  const out = [];
  for (let k = 0; k < p.at.length; k++) {
    const last = out[out.length - 1];
    if (last && last.role === p.role[k] && last.epoch === p.epoch[k]) continue;
    if (last) last.until = p.at[k];
    out.push({ from: p.at[k], until: end, role: p.role[k], epoch: p.epoch[k] });
  }
  return out;
});

// hues gives each epoch a colour of its own, again and again the same few.
const hues = new Map();
for (const list of reigns) for (const r of list) hues.set(r.epoch, 0);
const number = epoch => parseFloat(epoch) || 0;
[...hues.keys()].sort((a, b) => number(a) - number(b) || (a < b ? -1 : 1))
  .forEach((e, i) => hues.set(e, [212, 276, 152, 52, 320][i % 5]));

// cuts are where a node's log became shorter while the node went on.
const cuts = places.map((p, n) => {
  const starts = (raw.marks || []).filter(m => m.kind === "start" && m.node === nodes[n]).map(m => m.at);
  const out = [];
  for (let k = 1; k < p.at.length; k++) {
    if (p.written[k] < p.written[k - 1] && !starts.some(t => t > p.at[k - 1] && t <= p.at[k]))
      out.push({ at: p.at[k], from: p.written[k - 1], to: p.written[k] });
  }
  return out;
});

// pathOf says what became of an entry on every node: when it was written,
// synced, committed, applied, and whether it was cut away. Where another entry
// has its index, that of a later epoch whose leader did not have it, "other" says
// since when.
function pathOf(index, since) {
  const reached = nodes.map((_, n) => reachedAt(n, index, since));
  const first = reached.reduce((best, k, n) => k >= 0 && (best < 0 || places[n].at[k] < places[best].at[reached[best]]) ? n : best, -1);
  const origin = first < 0 ? "" : places[first].epoch[reached[first]];
  const kept = new Map([[origin, true]]);
  const keeps = epoch => { // did the leader of a later epoch have the entry?
    if (!kept.has(epoch)) {
      kept.set(epoch, true); // if nobody is known to lead it
      const leader = places.findIndex(p => p.epoch.some((e, k) => e === epoch && p.role[k] === "leader"));
      if (leader >= 0) {
        const start = places[leader].epoch.findIndex((e, k) => e === epoch && places[leader].role[k] === "leader");
        const k = reached[leader];
        kept.set(epoch, k >= 0 && k < start && places[leader].written[start] >= index && keeps(places[leader].epoch[k]));
      }
    }
    return kept.get(epoch);
  };
  return nodes.map((name, n) => follow(name, places[n], reached[n], index, keeps));
}

// reachedAt returns at which of its positions a node's log reached an index, at
// or after an instant, or -1.
function reachedAt(n, index, since) {
  const p = places[n];
  for (let k = Math.max(placeAt(n, since), 0); k < p.at.length; k++) if (p.written[k] >= index) return k;
  return -1;
}

function follow(name, p, from, index, keeps) {
  const path = { node: name };
  if (from < 0) return path;
  if (!keeps(p.epoch[from])) return { node: name, other: p.at[from] };
  for (let k = from; k < p.at.length; k++) {
    if (p.written[k] < index) return { ...path, gone: p.at[k] };
    for (const s of series) if (path[s] === undefined && p[s][k] >= index) path[s] = p.at[k];
  }
  return path;
}

// ---- Faults and the rest. ----

const bands = raw.bands || [];
const phases = (raw.phases || []).map((p, i, all) => ({ from: p.at, until: i + 1 < all.length ? all[i + 1].at : end, text: p.text }));
const marks = raw.marks || [];

const links = nodes.map((_, n) => raw.links[n] || []); // see links.go
const nodeBands = nodes.map(name => bands.filter(b => b.node === name && !b.to));

const samples = { ...raw.samples, n: (raw.samples.at || []).length };
samples.at = sums(raw.samples.at);

// samplesAt returns the last sample of each name, of a node, before t.
function samplesAt(name, t) {
  const out = new Map();
  for (let i = firstFrom(samples.at, t + 1) - 1; i >= 0 && i > firstFrom(samples.at, t + 1) - 400; i--) {
    const what = texts[samples.name[i]];
    if (texts[samples.node[i]] === name && !out.has(what)) out.set(what, samples.value[i]);
  }
  return out;
}

// ---- What is shown: filters and the search, as a bit for each thing. ----

const filter = {
  key: "", search: "",
  hidden: new Set(), // names of kinds
  hiddenNodes: new Set(),
  ops: new Uint8Array(ops.n).fill(1),
  sent: new Uint8Array(sent.n).fill(1),
  hitOps: new Uint8Array(ops.n),
  hitSent: new Uint8Array(sent.n),
  hits: [], // instants, sorted, with the thing
};

const kindOfMessage = i => {
  const w = firstWord(texts[sent.text[i]]);
  return messageKinds.includes(w) ? w : "other messages";
};

function applyFilter() {
  const f = filter;
  for (let i = 0; i < ops.n; i++) {
    f.ops[i] = !f.hidden.has(isWrite(i) ? "writes" : "reads") && (!f.key || texts[ops.key[i]] === f.key || ops.kind[i] === SCAN && f.key.startsWith(texts[ops.key[i]])) ? 1 : 0;
    if (ops.node[i] >= 0 && f.hiddenNodes.has(ops.node[i])) f.ops[i] = 0;
  }
  for (let i = 0; i < sent.n; i++) {
    const off = f.hidden.has(kindOfMessage(i)) || f.hiddenNodes.has(sent.from[i]) || f.hiddenNodes.has(sent.to[i]) || f.hidden.has("lost") && lost(i);
    f.sent[i] = off ? 0 : 1;
  }
}

function applySearch() {
  const f = filter, words = f.search.toLowerCase().split(/\s+/).filter(Boolean);
  f.hits = [];
  const matches = new Map(words.map(w => [w, Uint8Array.from(texts, t => t.toLowerCase().includes(w))]));
  const has = (t, w) => matches.get(w)[t];
  for (let i = 0; i < ops.n; i++) {
    f.hitOps[i] = words.length && f.ops[i] && words.every(w => "c" + ops.client[i] === w || "#" + ops.id[i] === w ||
      nodes[ops.node[i]] === w || outcomes[ops.outcome[i]] === w || has(ops.asked[i], w) || has(ops.answer[i], w)) ? 1 : 0;
    if (f.hitOps[i]) f.hits.push({ at: ops.call[i], type: "op", i });
  }
  for (let i = 0; i < sent.n; i++) {
    f.hitSent[i] = words.length && f.sent[i] && words.every(w => nodes[sent.from[i]] === w || nodes[sent.to[i]] === w ||
      w === "lost" && lost(i) || has(sent.text[i], w)) ? 1 : 0;
    if (f.hitSent[i]) f.hits.push({ at: sent.at[i], type: "message", i });
  }
  f.hits.sort((a, b) => a.at - b.at);
}
