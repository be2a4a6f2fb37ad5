"use strict";
// The page asks for /status and /history every five seconds and draws what it is told. All text goes in as text: no
// markup is ever made of it.

const EVERY_MS = 5000;
const MOST_PARTITIONS = 200;
const SVG = "http://www.w3.org/2000/svg";
const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
let latest = null;
let history = null;
let held = false;

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text === null ? "–" : String(text);
  if (className) made.className = className;
  return made;
}

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function figure(value) {
  return typeof value === "number" ? number.format(value) : value;
}

function time(text) {
  return text ? new Date(text).toLocaleTimeString() : null;
}

function fill(table, header, rows, empty) {
  const body = element("tbody");
  for (const { cells, className } of rows) {
    const row = element("tr", undefined, className);
    for (const cell of cells) row.append(element("td", figure(cell), typeof cell === "number" ? "number" : ""));
    body.append(row);
  }
  if (!rows.length) {
    const row = element("tr");
    row.append(element("td", empty, "quiet"));
    body.append(row);
    table.replaceChildren(body);
    return;
  }
  const head = element("thead");
  const names = element("tr");
  header.forEach((name, place) => {
    const cell = element("th", name, typeof rows[0].cells[place] === "number" ? "number" : "");
    cell.scope = "col";
    names.append(cell);
  });
  head.append(names);
  table.replaceChildren(head, body);
}

function figures(status) {
  const freshness = status.freshness_seconds;
  const late = freshness !== null && freshness > status.freshness_target_seconds;
  const rejects = Object.values(status.rejects).reduce((sum, count) => sum + count, 0);
  const shown = [
    ["rows per second", status.rows_per_second],
    ["lag in records", status.lag_records],
    [`freshness (target ${figure(status.freshness_target_seconds)} s)`,
      freshness === null ? null : `${figure(freshness)} s`, late],
    ["batches committed", status.batches_committed],
    ["records set aside", rejects, rejects > 0],
    ["retries", status.retries],
    ["schema version", status.destination.schema_version],
    ["running since", new Date(status.started_at).toLocaleString()],
  ];
  $("figures").replaceChildren(...shown.map(([name, value, bad]) => {
    const box = element("div", undefined, bad ? "bad" : "");
    box.append(element("dt", name), element("dd", figure(value)));
    return box;
  }));
}

function partitions(status) {
  const wanted = $("filter").value.trim();
  const name = (p) => `${p.topic}[${p.partition}]`;
  const found = status.partitions.filter((p) => name(p).includes(wanted));
  found.sort((a, b) => b.stalled - a.stalled || (b.lag_records || 0) - (a.lag_records || 0));
  const shown = found.slice(0, MOST_PARTITIONS);
  $("partitions-shown").textContent = shown.length < status.partitions.length
    ? `${shown.length} of ${status.partitions.length}, the worst first` : `${shown.length}, the worst first`;
  fill($("partition-rows"), ["partition", "", "committed", "last stable offset", "high watermark", "held back since", "lag", "behind for",
    "newest event", "complete up to"],
    shown.map((p) => ({
      cells: [name(p), p.stalled ? "stalled" : "", p.committed_offset, p.log_end_offset, p.high_watermark,
        p.held_back_records > 0 ? `${time(p.held_back_since)} (${figure(p.held_back_records)})` : null, p.lag_records,
        `${figure(p.lag_seconds)} s`, time(p.newest_event_at), time(p.complete_up_to)],
      className: p.stalled ? "stalled" : "",
    })), "no partitions are assigned to this process");
}

function rejects(status) {
  const samples = status.reject_samples;
  const header = ["reason", "records since start"];
  if (samples) header.push("the newest one", "what was wrong", "how its value begins");
  fill($("reject-rows"), header, Object.entries(status.rejects).map(([reason, records]) => {
    const one = samples && samples[reason];
    const more = one ? [`${one.topic}[${one.partition}] ${one.offset}`, one.error, one.value] : [null, null, null];
    return { cells: [reason, records, ...(samples ? more : [])] };
  }), "none since the start");
}

function show(status) {
  document.title = `${status.pipeline}: ${status.state}`;
  $("pipeline").textContent = status.pipeline;
  $("state").textContent = status.state_reason ? `${status.state} (${status.state_reason})` : status.state;
  $("state").className = `state ${status.state}`;
  $("destination").textContent = `${status.destination.sink}, dataset ${status.destination.dataset}`;
  const stalled = status.partitions.filter((p) => p.stalled).length;
  const problems = [];
  if (stalled) problems.push(stalled > 1
    ? `${stalled} partitions have records to load and do not move.` : "1 partition has records to load and does not move.");
  if (status.stuck) {
    problems.push(`Stage "${status.stuck.stage}" has made no progress for ${figure(status.stuck.seconds)} seconds.`);
  }
  const held = status.partitions.filter((p) => p.held_back_records > 0);
  if (held.length) {
    const since = held.map((p) => p.held_back_since).sort()[0];
    problems.push(`An open transaction holds back records of ${held.length} partition${held.length > 1 ? "s" : ""}, `
      + `seen since ${time(since)}.`);
  }
  for (const paused of status.paused_topics) {
    problems.push(`Topic ${paused.topic} is paused since ${time(paused.since)}: its table cannot take its rows `
      + `(the log says why); next try at ${time(paused.retry_at)}.`);
  }
  $("problem").hidden = !problems.length;
  $("problem").textContent = problems.join(" ");
  figures(status);
  partitions(status);
  fill($("table-rows"), ["table", "rows since start"],
    Object.entries(status.rows_committed).map((cells) => ({ cells })), "nothing was committed yet");
  rejects(status);
  fill($("change-rows"), ["at", "version", "change"],
    status.schema_changes.map((c) => ({ cells: [time(c.at), c.version, c.change] })), "none since the start");
  fill($("commit-rows"), ["at", "load", "rows", "set aside", "seconds", "rows per second"],
    status.last_commits.map((c) => ({
      cells: [time(c.at), c.load_id, c.rows, c.rejects, Math.round(c.seconds * 1000) / 1000,
        Math.round(c.rows / Math.max(c.seconds, 0.001))],
    })), "nothing was committed yet");
  $("told-at").textContent = `as of ${new Date().toLocaleTimeString()}`;
}

function chart(id, values, target) {
  const svg = $(id);
  const known = values.filter((value) => value !== null);
  const top = Math.max(1, target || 0, ...known) * 1.1;
  const x = (place) => (600 * place) / Math.max(values.length - 1, 1);
  const y = (value) => 155 - (150 * value) / top;
  const parts = [0.25, 0.5, 0.75].map((at) => shape("line", { class: "grid", x1: 0, x2: 600, y1: 155 * at, y2: 155 * at }));
  let path = "";
  let pen = "M";
  values.forEach((value, place) => {
    if (value === null) { pen = "M"; return; }
    path += `${pen}${x(place).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
  });
  if (path) {
    const first = values.findIndex((value) => value !== null);
    const last = values.length - 1 - [...values].reverse().findIndex((value) => value !== null);
    parts.push(shape("path", { class: "fill", d: `${path}L${x(last)} 155L${x(first)} 155Z` }));
    parts.push(shape("path", { class: "line", d: path }));
  }
  if (target) parts.push(shape("line", { class: "target", x1: 0, x2: 600, y1: y(target), y2: y(target) }));
  const cursor = svg.dataset.cursor === undefined ? null : Math.min(Number(svg.dataset.cursor), values.length - 1);
  if (cursor !== null && values.length) {
    parts.push(shape("line", { class: "cursor", x1: x(cursor), x2: x(cursor), y1: 0, y2: 155 }));
  }
  svg.replaceChildren(...parts);
  const place = cursor === null ? values.length - 1 : cursor;
  const value = values.length ? values[place] : null;
  const at = history.at.length ? new Date(history.at[place] * 1000).toLocaleTimeString() : "";
  const most = known.length ? figure(Math.max(...known)) : "nothing";
  const told = value === null || value === undefined ? "–" : figure(value);
  $(`${id}-now`).textContent = cursor === null ? `${told}, at most ${most}` : `${told} at ${at}`;
  svg.setAttribute("aria-label", `${id}, last hour: now ${figure(value)}, at most ${most}. Arrow keys move along it.`);
}

function charts() {
  if (!history) return;
  chart("throughput", history.rows_per_second);
  chart("lag", history.lag_records);
  chart("freshness", history.freshness_seconds, history.freshness_target_seconds);
}

function follow(id) {
  const svg = $(id);
  const set = (place) => {
    if (!history || !history.at.length) return;
    if (place === null) delete svg.dataset.cursor;
    else svg.dataset.cursor = Math.max(0, Math.min(history.at.length - 1, place));
    charts();
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    set(Math.round(((event.clientX - box.left) / box.width) * (history ? history.at.length - 1 : 0)));
  });
  svg.addEventListener("pointerleave", () => set(null));
  svg.addEventListener("blur", () => set(null));
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") set(null);
    if (!step || !history) return;
    event.preventDefault();
    const here = svg.dataset.cursor === undefined ? history.at.length : Number(svg.dataset.cursor);
    set(here + step);
  });
}

async function ask(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" }, cache: "no-store" });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return answer.json();
}

async function refresh() {
  if (held) return;
  try {
    [latest, history] = await Promise.all([ask("status"), ask("history")]);
    show(latest);
    charts();
  } catch (error) {
    $("state").textContent = "not reachable";
    $("state").className = "state unreachable";
    $("problem").hidden = false;
    $("problem").textContent = "The service does not answer; what is shown is old.";
  }
}

$("hold").addEventListener("click", () => {
  held = !held;
  $("hold").setAttribute("aria-pressed", String(held));
  $("hold").textContent = held ? "Go on" : "Hold the page";
  refresh();
});
$("filter").addEventListener("input", () => latest && partitions(latest));
$("settings").addEventListener("toggle", async () => {
  if ($("settings").open) $("config").textContent = JSON.stringify(await ask("config"), null, 2);
});
["throughput", "lag", "freshness"].forEach(follow);
refresh();
setInterval(refresh, EVERY_MS);
