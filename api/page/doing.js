// How the service is doing: a few numbers of /metrics, every other second while the page is visible.
const INTERVAL_S = 2;
const KEPT_SAMPLES = 120; // four minutes
const MIN_WIDTH_SAMPLES = 30; // they fill the width; more are drawn closer together
const RATE_SAMPLES = 5; // over which photos per second are counted
const RESTART_TIMEOUT_MS = 120_000;
const RESTART_INTERVAL_MS = 200;
const REASONS = { requested: "requested", idle: "idle", memory: "memoryLimit", died: "died", timed_out: "timed_out", failed: "engineFailed" };
const CLIP = { clipAnswers: "answers", clipSilent: "does not answer", clipNotSet: "not set" };
const UNANSWERED = ["reading_failed", "reading_timed_out", "runner_unavailable", "out_of_memory", "stopping", "other"];

/** The service's own metrics: name and labels -> value. */
async function measure() {
  const text = await (await ask("metrics", "GET")).text();
  const found = text.matchAll(/^mtphotos_ocr_(\w+(?:\{[^}]*\})?) (\S+)$/gm);
  const values = new Map([...found].map(([, name, value]) => [name, Number(value)]));
  return (name, labels = "") => values.get(labels ? `${name}{${labels}}` : name) ?? 0;
}

const countPhotos = (value, outcomes) => outcomes.reduce((sum, each) => sum + value("photos_total", `outcome="${each}"`), 0);
const countRestarts = (value, reason) => value("restarts_total", `reason="${reason}"`);
const formatMegabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;
const formatNumber = (number) => number.toLocaleString("en", { maximumFractionDigits: 2, useGrouping: false });

// --- Tiles: a name, a number, a curve and a note.

function makeTile(key) {
  const curve = draw("svg", { viewBox: "0 0 100 30", preserveAspectRatio: "none", role: "img" });
  label(curve, "aria-label", "chart", key);
  curve.append(...["base", "area", "stroke"].map((name) => draw("path", { class: name, d: "M0,29.5H100" })));
  const number = make("strong");
  const note = make("p", { class: "hint" });
  $("tiles").append(make("section", {}, say(make("h3"), key), number, curve, note));
  return { number, curve, note };
}

function plot({ curve }, values) {
  const top = Math.max(...values, 1e-9) * 1.1;
  const points = values.map((value, index) => {
    const x = 100 - ((values.length - 1 - index) * 100) / (Math.max(values.length, MIN_WIDTH_SAMPLES) - 1);
    return `${x.toFixed(2)},${(29 - (28 * value) / top).toFixed(2)}`;
  });
  const [, area, stroke] = curve.children;
  stroke.setAttribute("d", `M${points.join("L")}`);
  area.setAttribute("d", `M${points[0].split(",")[0]},30L${points.join("L")}L100,30Z`);
}

const tiles = Object.fromEntries( // six: rows of two, three or six
  ["photosRead", "perSecond", "waiting", "memory", "restarts", "clip"].map((key) => [key, makeTile(key)]),
);
const bars = make("dl", { class: "bars" });
$("tiles").append(make("section", { class: "wide" }, say(make("h3"), "stages"), bars));
const stages = Object.fromEntries(
  STAGES.map((stage) => {
    const [bar, number] = [make("i"), make("span")];
    bars.append(make("div", {}, say(make("dt"), stage), make("dd", {}, bar, number)));
    return [stage, { bar, number }];
  }),
);

let samples = [];

function update(value) {
  const read = countPhotos(value, ["read"]);
  const memory = ["service", "worker"].map((name) => value("memory_bytes", `process="${name}"`));
  const restarts = Object.keys(REASONS).filter((reason) => countRestarts(value, reason));
  const sample = {
    at: performance.now() / 1000,
    read,
    waiting: value("photos_waiting"),
    memory: memory[0] + memory[1],
    restarts: restarts.reduce((sum, reason) => sum + countRestarts(value, reason), 0),
    clip: ["img", "txt"].reduce((sum, route) => sum + value("clip_requests_total", `outcome="answered",route="${route}"`), 0),
  };
  const before = samples.at(-RATE_SAMPLES);
  sample.perSecond = before ? Math.max(0, read - before.read) / (sample.at - before.at) : 0;
  samples = [...samples, sample].slice(-KEPT_SAMPLES);

  const shown = { photosRead: read, perSecond: formatNumber(sample.perSecond), waiting: sample.waiting };
  shown.memory = formatMegabytes(sample.memory);
  shown.restarts = sample.restarts;
  shown.clip = sample.clip;
  const names = { photosRead: "read" }; // the others have the name of their tile
  for (const [name, each] of Object.entries(tiles)) {
    each.number.textContent = shown[name];
    plot(each, samples.map((one) => one[names[name] ?? name]));
  }
  say(tiles.photosRead.note, "linesFound", value("lines_total"));
  say(tiles.perSecond.note, "lately");
  say(tiles.waiting.note, "beingRead", value("photos_reading"));
  say(tiles.memory.note, "memoryOf", ...memory.map(formatMegabytes));
  const reasons = restarts.map((reason) => say(make("span"), REASONS[reason], countRestarts(value, reason)));
  tiles.restarts.note.replaceChildren(...(reasons.length ? reasons : [say(make("span"), "none")]));
  say(tiles.clip.note, Object.keys(CLIP).find((each) => value("clip_state", `state="${CLIP[each]}"`)) ?? "clipNotSet");

  const means = STAGES.map((stage) => read && value("stage_seconds_sum", `stage="${stage}"`) / read);
  STAGES.forEach((stage, index) => {
    stages[stage].number.textContent = means[index].toFixed(3);
    stages[stage].bar.style.width = `calc((100% - 3.5rem) * ${means[index] / Math.max(...means, 1e-9)})`;
  });
}

function showWhether(running) {
  $("silent").hidden = running;
  document.body.classList.toggle("down", !running);
  say($("running"), running ? "running" : "notRunning");
}

let watching = 0;

async function watch() {
  clearTimeout(watching);
  if (key && !document.hidden) {
    const answered = await measure().then(update).then(() => true, () => false);
    showWhether(answered || !key);
  }
  if (key) watching = setTimeout(watch, INTERVAL_S * 1000);
}

// --- Restart: photos under way are counted before, and their outcomes after.

async function restart() {
  say($("restarted"), "restarting");
  const before = await measure();
  const underWay = before("photos_reading") + before("photos_waiting");
  const started = performance.now();
  await ask("restart", "POST");
  if (!before("model_loaded")) return say($("restarted"), "restartNothing");
  let seconds = 0;
  while (performance.now() - started < RESTART_TIMEOUT_MS) {
    await new Promise((resolve) => setTimeout(resolve, RESTART_INTERVAL_MS));
    const now = await measure();
    const grown = (outcomes) => countPhotos(now, outcomes) - countPhotos(before, outcomes);
    if (!seconds && countRestarts(now, "requested") > countRestarts(before, "requested")) {
      seconds = ((performance.now() - started) / 1000).toFixed(1);
    }
    const lost = grown(UNANSWERED);
    if (lost) return say($("restarted"), "restartedLost", lost);
    if (seconds && grown(["read", "unreadable_photo", "refused"]) >= underWay) {
      return underWay ? say($("restarted"), "restartedBusy", seconds, underWay) : say($("restarted"), "restartedIdle", seconds);
    }
  }
  return say($("restarted"), "restartSlow");
}

$("restart").addEventListener("click", async ({ target }) => {
  if (target.ariaDisabled === "true") return; // not `disabled`: that would take the focus away
  target.ariaDisabled = "true";
  await restart().catch(() => say($("restarted"), "silent"));
  target.ariaDisabled = "false";
});
document.addEventListener("visibilitychange", watch);
whenKeyFits.push(watch);

speak();
if (key) tryKey();
