// Photos: sent a few at a time, each shown with the text in it.
const MAX_UNDER_WAY = 3; // one more than the service reads at once by default
const MIN_SURE_SCORE = 0.8; // lines with a lower score are marked; the service reads those a second time, turned
const PROBLEMS = { 413: "tooLarge", 503: "busy", 504: "slow", 0: "silent" };
// What the service says, in English, and the key in WORDS that says it in the language of the page.
const REASONS_KNOWN = [
  [/^no picture can be read from the file: it looks like (.+?); /, "looksLike"],
  [/^no picture can be read from the file/, "noPicture"],
  [/^the RAW file has no preview/, "noPreview"],
  [/^the picture is broken/, "brokenPicture"],
  [/^the picture has (\d+) x (\d+) pixels; up to (\S+) megapixels/, "tooManyPixels"],
  [/^there is not enough memory/, "noMemory"],
  [/^reading this photo crashed/, "crashes"],
  [/^the upload is larger than/, "tooLarge"],
  [/are being read or waiting already/, "queueFull"],
  [/^the service is stopping/, "stopping"],
  [/^the form came too slowly/, "slowUpload"],
  [/OCR_TIMEOUT/, "slow"],
  [/^(the reader failed|unexpected error)/, "broken"],
];

const queue = [];
let underWay = 0;
let done = 0;
let all = 0;

function add(files) {
  for (const file of files) {
    all += 1;
    const photo = makeEntry(file);
    $("photos").append(photo.item);
    queue.push(photo);
  }
  if (!key) $("key").focus();
  next();
}

function next() {
  for (const photo of queue) say(photo.state, key ? "queued" : "needsKey");
  while (key && queue.length && underWay < MAX_UNDER_WAY) read(queue.shift());
  $("together").hidden = !all;
  $("together").classList.toggle("unseen", all === 1); // one photo has its own bar; screen readers still announce this
  $("progress").max = all;
  $("progress").value = done;
  say($("counted"), "counted", done, all);
}

/** How a photo is shown: a heading with its progress, and the result below it. */
function makeEntry(file) {
  const state = make("span", { class: "state" });
  const bar = make("i", { class: "bar" });
  const body = make("div", { class: "body" });
  const details = make("details", {}, make("summary", {}, make("b", {}, file.name), state, bar), body);
  return { file, state, bar, body, details, item: make("li", {}, details) };
}

async function read(photo) {
  underWay += 1;
  photo.body.replaceChildren();
  photo.state.classList.remove("bad");
  const { status, answer } = await send(photo);
  underWay -= 1;
  if (status === 401) {
    queue.unshift(photo); // it waits for the right key
    if (key) refuseKey();
  } else {
    done += 1;
    if (status === 200 && !Array.isArray(answer.result)) show(photo, answer);
    else fail(photo, status, answer);
  }
  next();
}

/** Uses XMLHttpRequest, which reports how much was sent. Never fails: a status of 0 means that no answer came. */
function send({ file, state, bar }) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", "ocr");
    request.setRequestHeader("api-key", keyHeader());
    request.setRequestHeader("prefer", "details");
    request.upload.onprogress = ({ loaded, total }) => {
      say(state, "sending", Math.round((100 * loaded) / total));
      bar.style.width = `${(100 * loaded) / total}%`;
    };
    request.upload.onload = () => {
      say(state, "reading");
      bar.classList.add("busy");
    };
    request.onloadend = () => {
      bar.className = "bar";
      bar.style.width = "0";
      let answer = null;
      try {
        answer = JSON.parse(request.responseText);
      } catch {} // a proxy's answer, or none: the status says enough
      resolve({ status: answer || request.status !== 200 ? request.status : 0, answer });
    };
    say(state, "sending", 0);
    const form = new FormData();
    form.append("file", file, "photo"); // not its name, which the service does not need
    request.send(form);
  });
}

function fail(photo, status, answer) {
  const again = say(make("button", { type: "button" }), "again");
  const resend = () => {
    done -= 1;
    queue.push(photo);
    next();
  };
  again.addEventListener("click", resend, { once: true });
  const reason = answer?.msg ?? answer?.detail;
  const [known, key] = REASONS_KNOWN.find(([pattern]) => pattern.test(reason)) ?? [];
  const problem = key ?? (status === 200 ? "unreadable" : PROBLEMS[status] ?? "broken");
  photo.body.append(say(make("p", { class: "bad" }), problem, ...(known?.exec(reason).slice(1) ?? [])));
  if (reason && !known) {
    photo.body.append(say(make("p", { class: "hint" }), "says"), make("p", { class: "quote", lang: "en" }, reason));
  }
  photo.body.append(make("p", { class: "actions" }, again));
  say(photo.state, "failed").classList.add("bad");
  photo.details.open = true;
}

function show(photo, answer) {
  const { texts, scores } = answer.result;
  const { polygons, seconds } = answer.details;
  const total = Object.values(seconds).reduce((sum, each) => sum + each, 0);
  say(photo.state, "found", texts.length, total.toFixed(2));
  photo.details.open = photo.details.open || !document.querySelector(".photos [open] .look");
  const sheet = makePicture(photo.file, answer.details);
  const lines = make("ol", { class: "lines" });
  label(lines, "aria-label", "linesOf", photo.file.name);
  const each = texts.map((text, index) => {
    const shape = draw("polygon", { points: polygons[index].join(" ") });
    const line = make("span", { class: "line", tabindex: index ? "-1" : "0" }, text);
    if (scores[index] < MIN_SURE_SCORE) {
      shape.classList.add("unsure");
      line.classList.add("unsure");
      line.append(say(make("small"), "unsure", scores[index]));
    }
    label(line, "title", "score", scores[index]);
    linkHighlights(shape, line);
    sheet.shapes.append(shape);
    return line;
  });
  const together = groupRows(polygons);
  const items = together.map((row) => make("li", {}, ...row.map((index) => each[index])));
  const tops = together.map((row) => Math.min(...row.map((index) => findExtent(polygons[index], 1)[0])));
  lines.append(...items);
  addArrowKeys(lines, each);
  const beside = make("div", {}, texts.length ? lines : say(make("p", { class: "hint" }), "nothing"));
  if (lines.querySelector(".unsure")) beside.append(say(make("p", { class: "hint" }), "unsureNote"));
  const stages = STAGES.filter((stage) => stage in seconds).map((stage) => {
    return make("span", {}, say(make("span"), stage), ` ${seconds[stage].toFixed(3)} s`);
  });
  const look = make("div", { class: "look" }, sheet.figure, beside);
  photo.body.append(look, make("p", { class: "hint spent" }, ...stages), makeActions(photo.file, answer));
  new ResizeObserver(() => align(sheet.shapes, items, tops)).observe(sheet.shapes);
}

/** The photo as browsers show it, upright, below an SVG in its pixels; or the SVG alone if it cannot be shown. */
function makePicture(file, { width, height }) {
  const shapes = draw("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const image = label(make("img", { src: URL.createObjectURL(file) }), "alt", "photoAlt", file.name);
  const figure = make("figure", {}, make("div", { class: "sheet" }, image, shapes));
  const unshown = () => {
    image.remove();
    figure.classList.add("blank");
    figure.append(say(make("figcaption", { class: "hint" }), "unshown"));
  };
  image.onerror = unshown;
  image.onload = () => {
    // If the browser turns the photo differently from the service, the polygons would be in the wrong places.
    const ratio = (image.naturalWidth * height) / (image.naturalHeight * width);
    if (Math.abs(ratio - 1) > 0.05) unshown();
  };
  return { figure, shapes };
}

/** A line and its polygon light up together. */
function linkHighlights(shape, line) {
  const light = (on) => () => [shape, line].forEach((element) => element.classList.toggle("lit", on));
  for (const element of [shape, line]) {
    element.addEventListener("pointerenter", light(true));
    element.addEventListener("pointerleave", light(false));
  }
  line.addEventListener("focus", light(true));
  line.addEventListener("blur", light(false));
  shape.addEventListener("click", () => line.focus());
}

/** The lines are one stop of the Tab key; the arrow keys go on from there. */
function addArrowKeys(lines, each) {
  lines.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const to = each[each.indexOf(document.activeElement) + step];
    if (!to) return;
    event.preventDefault();
    to.focus();
  });
  lines.addEventListener("focusin", ({ target }) => each.forEach((line) => (line.tabIndex = line === target ? 0 : -1)));
}

/** The least and the greatest coordinate of a polygon: x (axis 0) or y (axis 1). */
function findExtent(polygon, axis) {
  const at = polygon.map((corner) => corner[axis]);
  return [Math.min(...at), Math.max(...at)];
}

/** The indices of lines, grouped by rows of the photo, from left to right. */
function groupRows(polygons) {
  const found = [];
  polygons.forEach((polygon, index) => {
    const before = polygons[index - 1];
    const ys = before && findExtent(before, 1);
    const middle = (findExtent(polygon, 1)[0] + findExtent(polygon, 1)[1]) / 2;
    const beside = before && findExtent(polygon, 0)[0] >= findExtent(before, 0)[1] && middle > ys[0] && middle < ys[1];
    if (beside) found.at(-1).push(index);
    else found.push([index]);
  });
  return found;
}

/** If the text stands beside the photo, start each row as high as in the photo, or below the previous row. */
function align(shapes, items, tops) {
  items.forEach((item) => (item.style.marginTop = ""));
  const sheet = shapes.getBoundingClientRect();
  if (!items.length || items[0].getBoundingClientRect().left < sheet.right) return;
  const heights = items.map((item) => item.getBoundingClientRect().height);
  let bottom = 0;
  items.forEach((item, index) => {
    const gap = Math.max(0, (tops[index] / shapes.viewBox.baseVal.height) * sheet.height - bottom);
    item.style.marginTop = `${gap}px`;
    bottom += gap + heights[index];
  });
}

function makeActions(file, answer) {
  const buttons = ["copyAll", "download", "curl"].map((key) => say(make("button", { type: "button" }), key));
  const [text, json, curl] = buttons;
  text.addEventListener("click", () => copy(answer.result.texts.join("\n"), text));
  json.addEventListener("click", () => {
    const href = URL.createObjectURL(new Blob([JSON.stringify(answer, null, 1)], { type: "application/json" }));
    make("a", { href, download: `${file.name}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60_000);
  });
  const command = make("code", { tabindex: "0" }, makeCurlLine(file.name));
  const shown = make("div", { class: "command", hidden: "" }, command, say(make("p", { class: "hint" }), "curlNote", file.name));
  curl.addEventListener("click", () => {
    shown.hidden = false;
    copy(command.textContent, curl);
  });
  return make("div", { class: "actions" }, ...buttons, shown);
}

/** The key stays a variable. The shell opens the file: in a name, curl would interpret a ; or , itself. */
function makeCurlLine(name) {
  const quoted = `'${name.replaceAll("'", "'\\''")}'`;
  return `curl -H "api-key: $API_AUTH_KEY" -H 'prefer: details' -F 'file=@-;filename=photo' ${address}/ocr <${quoted}`;
}

// --- Ways to add photos: the dialog, a drop or a paste anywhere on the page.

$("files").addEventListener("change", ({ target }) => {
  add([...target.files]);
  target.value = ""; // so that the same photo can be chosen again
});
document.addEventListener("paste", ({ clipboardData }) => add([...clipboardData.files]));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  $("drop").classList.add("over");
});
document.addEventListener("dragleave", ({ relatedTarget }) => relatedTarget || $("drop").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault(); // else the browser leaves the page to show the photo
  $("drop").classList.remove("over");
  add([...event.dataTransfer.files]);
});
whenKeyFits.push(next);
