// Language, key and address, and the functions that make the rest of the page.
const STAGES = ["wait", "decode", "coarse", "detect", "recognize"]; // of reading a photo, by the service's names
const $ = (id) => document.getElementById(id);

/** Text from elsewhere only ever becomes an element's text or an attribute. */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const make = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const draw = (tag, attributes = {}) => fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, []);

// --- Language: the one chosen before, else the browser's.

let language = localStorage.getItem("language") ?? (navigator.language.startsWith("zh") ? "zh" : "en");
const said = new WeakMap(); // element -> the values in its text

function translate(key, ...values) {
  const found = WORDS[key][language === "zh" ? 1 : 0];
  return typeof found === "function" ? found(...values) : found;
}

/** Set an element's text by its key in WORDS; it follows the chosen language from now on. */
function say(element, key, ...values) {
  element.dataset.say = key;
  said.set(element, values);
  element.textContent = translate(key, ...values);
  return element;
}

/** The same for an attribute, such as aria-label. */
function label(element, attribute, key, ...values) {
  element.dataset.label = attribute;
  element.dataset.labelSay = key;
  said.set(element, values);
  element.setAttribute(attribute, translate(key, ...values));
  return element;
}

function speak() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  $("language").textContent = language === "zh" ? "English" : "中文";
  $("language").lang = language === "zh" ? "en" : "zh-CN";
  for (const element of document.querySelectorAll("[data-say]")) {
    element.textContent = translate(element.dataset.say, ...(said.get(element) ?? []));
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute(element.dataset.label, translate(element.dataset.labelSay, ...(said.get(element) ?? [])));
  }
}

$("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  localStorage.setItem("language", language);
  speak();
});

// --- The key, in this tab only.

let key = sessionStorage.getItem("key") ?? "";
const whenKeyFits = []; // functions to call then

/** Headers carry bytes: a key that is not ASCII goes as UTF-8. */
const keyHeader = () => String.fromCharCode(...new TextEncoder().encode(key));

async function ask(path, method) {
  const answer = await fetch(path, { method, headers: { "api-key": keyHeader() }, cache: "no-store" });
  if (answer.status === 401) refuseKey();
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

function showKey(fits) {
  $("key-form").hidden = fits;
  $("key-fits").hidden = !fits;
  $("doing").hidden = !fits;
}

function dropKey() {
  key = "";
  sessionStorage.removeItem("key");
  showKey(false);
  $("key").value = "";
}

function refuseKey() {
  dropKey();
  noteOnKey("keyWrong");
}

function noteOnKey(note) {
  const bad = note !== "keyNote";
  say($("key-note"), note).classList.toggle("bad", bad);
  $("key").setAttribute("aria-invalid", note === "keyWrong");
  if (bad) $("key").focus();
}

async function tryKey() {
  try {
    await ask("check", "POST");
  } catch {
    if (key) noteOnKey("silent"); // a wrong key was dropped
    return;
  }
  sessionStorage.setItem("key", key);
  noteOnKey("keyNote");
  showKey(true);
  for (const begin of whenKeyFits) begin();
}

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key = $("key").value.trim();
  if (key) tryKey();
});
$("forget").addEventListener("click", () => {
  dropKey();
  noteOnKey("keyNote");
  $("key").focus();
});

// --- What to enter in MT Photos.

const address = new URL(".", location.href).href.replace(/\/$/, "");

/** Not with navigator.clipboard: browsers offer it only over TLS, which a NAS at home seldom has. */
function copy(text, button) {
  const field = make("textarea", { class: "unseen", readonly: "" });
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
  const before = button.dataset.say;
  button.focus();
  if (before === "copied") return;
  say(button, "copied");
  setTimeout(() => say(button, before), 1500);
}

$("address").textContent = address;
$("local").hidden = !["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
$("copy-address").addEventListener("click", (event) => copy(address, event.target));
