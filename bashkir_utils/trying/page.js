"use strict";
(() => {
  const element = (id) => document.getElementById(id);
  const number = new Intl.NumberFormat("en");
  let settings = null;

  // ------------------------------------------------------------------------------------------------ text becomes elements

  /** An element with a text; whatever the text says, it stays text. */
  function made(name, text, className = "") {
    const node = document.createElement(name);
    node.textContent = text;
    node.className = className;
    return node;
  }

  function inside(node, ...children) {
    node.append(...children);
    return node;
  }

  const bits = (value) => `${value.toFixed(1)} bits`;
  const perByte = (part) => (part.bits_per_byte === null ? "no text" : `${part.bits_per_byte.toFixed(3)} bits per byte`);

  function word(each) {
    const node = made("span", each.text, `l${each.level}`);
    node.title = bits(each.bits);
    if (each.level >= settings.numbered_from) node.append(made("sub", each.bits.toFixed(0)));
    return node;
  }

  function passage(part, className) {
    const node = made("p", "", `text ${className}`);
    node.lang = settings.language;
    node.dir = "auto";
    for (const each of part.words) node.append(each.before, word(each));
    return node;
  }

  function table(answer) {
    const head = inside(made("tr", ""), ...["word", "part", "bits"].map((name) => {
      const cell = made("th", name);
      cell.scope = "col";
      return cell;
    }));
    const rows = ["prompt", "continuation"].flatMap((name) => answer[name].words.map((each) => {
      const heading = made("th", each.text);
      heading.scope = "row";
      heading.lang = settings.language;
      return inside(made("tr", ""), heading, made("td", name), made("td", each.bits.toFixed(1)));
    }));
    const body = inside(made("table", ""), inside(made("thead", ""), head), inside(made("tbody", ""), ...rows));
    const scroll = inside(made("div", "", "scroll"), body);
    scroll.tabIndex = 0;
    return inside(made("details", ""), made("summary", "As a table"), scroll);
  }

  function ending(answer) {
    const tokens = `${number.format(answer.new_tokens)} new tokens`;
    const how = answer.ended ? `${tokens}; the model ended the text` : `${tokens}; cut off there`;
    if (answer.broken_characters === 0) return how;
    return `${how}; ${answer.broken_characters} places are no valid UTF-8, and the loss is that of the sign shown there`;
  }

  function column(model, answer) {
    const node = inside(made("section", ""), made("h2", model.name));
    for (const note of model.notes) node.append(made("p", note, "note"));
    return inside(
      node,
      made("h3", `Prompt: ${perByte(answer.prompt)}`), passage(answer.prompt, "prompt"),
      made("h3", `Continuation: ${perByte(answer.continuation)}`), passage(answer.continuation, "continuation"),
      made("p", ending(answer), "note"), table(answer),
    );
  }

  function show(found) {
    element("columns").replaceChildren(...found.answers.map((answer, place) => column(found.models[place], answer)));
    element("result").hidden = false;
  }

  // ------------------------------------------------------------------------------------------------------------ asking

  function complain(message) {
    element("error").textContent = message;
    element("error").hidden = message === "";
  }

  /** Characters as the server counts them, which is not what a JavaScript string's length says. */
  const length = (text) => [...text].length;

  function count() {
    const typed = length(element("prompt").value);
    element("length").textContent = `${number.format(typed)} of at most ${number.format(settings.longest_prompt)} characters`;
    return typed <= settings.longest_prompt;
  }

  async function fetched(path, request = {}) {
    const answer = await fetch(path, request);
    const content = await answer.json();
    if (!answer.ok) throw new Error(content.error);
    return content;
  }

  function asked() {
    return {
      prompt: element("prompt").value.toWellFormed(),
      decoding: element("decoding").value,
      seed: Number(element("seed").value),
      new_tokens: Number(element("new-tokens").value),
    };
  }

  async function go() {
    if (!count()) return complain(`The prompt is too long: at most ${number.format(settings.longest_prompt)} characters.`);
    complain("");
    element("go").disabled = true;
    element("status").textContent = "Both models are writing …";
    try {
      const request = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(asked()) };
      show(await fetched("/continue", request));
      element("status").textContent = "Done.";
    } catch (error) {
      element("status").textContent = "";
      complain(error instanceof TypeError || error instanceof SyntaxError
        ? "No answer: look at the terminal where the page was started." : error.message);
    } finally {
      element("go").disabled = false;
    }
  }

  function begin(found) {
    settings = found;
    element("decoding").replaceChildren(...settings.decodings.map((name) => new Option(name, name)));
    for (const [id, value, most] of [
      ["seed", settings.seed, settings.largest_seed], ["new-tokens", settings.new_tokens, settings.most_new_tokens],
    ]) {
      element(id).value = value;
      element(id).max = most;
    }
    element("prompt").lang = settings.language;
    element("legend").replaceChildren(
      ...settings.levels.map((name, level) => inside(made("li", ""), made("span", name, `l${level}`))),
      made("li", "a word with the space before it; small numbers are bits"),
    );
    count();
    element("go").disabled = false;
  }

  element("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    go();
  });
  element("prompt").addEventListener("input", count);
  fetched("/settings").then(begin, () => complain("No answer: look at the terminal where the page was started."));
})();
