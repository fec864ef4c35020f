// Text coloured by loss: the word under the pointer, or reached by the arrow keys, is marked in every column and told
// with its bits; a slider leaves only the dear words marked.
(() => {
  const bits = (word) => Number.parseFloat(word.title.replace("−", "-"));
  const element = (name, settings, ...inside) => {
    const made = Object.assign(document.createElement(name), settings);
    made.append(...inside);
    return made;
  };

  for (const figure of document.querySelectorAll(".bashkir-loss")) {
    const columns = [...figure.querySelectorAll("section")].map((section) => ({
      name: section.querySelector("h4").textContent.replace(/: [\d.]+ bits per byte$/, ""),
      passage: section.querySelector("p"),
      words: [...section.querySelectorAll("p > span[title]")],
    }));
    if (!columns[0]?.words.length) continue;

    const said = element("p", { className: "said", role: "status" }, "Point at a word, or go to the text and use ← and →.");
    let place = -1;
    const show = (next) => {
      const last = columns[0].words.length - 1;
      figure.querySelectorAll(".chosen").forEach((word) => word.classList.remove("chosen"));
      place = Math.min(Math.max(next, 0), last);
      const chosen = columns.map((column) => column.words[place]);
      chosen.forEach((word) => word.classList.add("chosen"));
      const written = chosen[0].cloneNode(true);
      written.querySelector("sub")?.remove();
      const costs = columns.map((column) => `${column.name}: ${column.words[place].title}`).join(" · ");
      const word = element("b", { lang: columns[0].passage.lang }, written.textContent.trim());
      said.replaceChildren(`${place + 1} of ${last + 1}: `, word, ` · ${costs}`);
    };
    for (const { passage, words } of columns) {
      passage.tabIndex = 0;
      words.forEach((word, at) => word.addEventListener("pointerenter", () => show(at)));
      passage.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        show(place + step);
      });
    }

    const all = columns.flatMap((column) => column.words);
    const most = Math.ceil(Math.max(...all.map((word) => Math.abs(bits(word)))));
    const slider = element("input", { type: "range", min: 0, max: most, value: 0 });
    const limit = element("output", {}, "0 bits");
    slider.addEventListener("input", () => {
      limit.value = `${slider.value} bits`;
      all.forEach((word) => word.classList.toggle("quiet", Math.abs(bits(word)) < slider.valueAsNumber));
    });
    const controls = element("div", { className: "controls" }, element("label", {}, "Mark words from ", slider), limit);
    figure.querySelector(".columns").before(controls, said);
    figure.dataset.ready = "";
  }
})();
