"use strict";
(() => {
  const kit = JSON.parse(document.getElementById("kit").textContent);
  const items = new Map(kit.items.map((item) => [item.id, item]));
  const LARGEST_FILE = 20_000_000;
  const SPACE = `bashkir-rating:${kit.fingerprint}`;
  const element = (id) => document.getElementById(id);
  const answers = element("answers");
  let rater = "";
  let order = [];
  let place = 0;

  // ---------------------------------------------------------------------------------------- order, the same after a reload

  /** 32 bits of a text (FNV-1a over UTF-16 units). */
  function hash(text) {
    let value = 0x811c9dc5;
    for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
    return value >>> 0;
  }

  /** Numbers from 0 to 1 that depend on the seed alone (mulberry32). */
  function generator(seed) {
    return () => {
      seed = (seed + 0x6d2b79f5) >>> 0;
      let value = Math.imul(seed ^ (seed >>> 15), seed | 1);
      value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
      return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
    };
  }

  function shuffled(ids, seed) {
    const next = generator(hash(seed));
    const result = [...ids];
    for (let i = result.length - 1; i > 0; i--) {
      const other = Math.floor(next() * (i + 1));
      [result[i], result[other]] = [result[other], result[i]];
    }
    return result;
  }

  // ------------------------------------------------------------------------------------------------ what the browser keeps

  const onScale = (value) => Number.isInteger(value) && value >= 1 && value <= 5;

  /** A time as every reader takes it, of what a browser takes for one; null where it is none, or of no year of ours. */
  function instant(text) {
    const time = new Date(String(text));
    return Number.isNaN(time.getTime()) || !/^\d{4}-/.test(time.toISOString()) ? null : time.toISOString();
  }

  /** A rating with only what is in order; null where nothing is. */
  function checked(rating) {
    if (rating === null || typeof rating !== "object") return null;
    const kept = { rated: instant(rating.rated), comment: "" };
    if (kit.languages.includes(rating.language)) kept.language = rating.language;
    for (const name of ["fluency", "adequacy"]) if (onScale(rating[name])) kept[name] = rating[name];
    if (typeof rating.comment === "string") kept.comment = rating.comment.slice(0, kit.longest_comment).toWellFormed();
    return kept.rated === null ? null : kept;
  }

  const complete = (rating) => Boolean(rating && rating.language && rating.fluency && rating.adequacy);

  function stored(key) {
    try {
      return JSON.parse(localStorage.getItem(key));
    } catch {
      return null;
    }
  }

  function store(key, value) {
    try {
      localStorage.setItem(key, JSON.stringify(value));
      memory.delete(key);
    } catch {
      complain("This browser does not keep your answers: download them before you close the page.");
      memory.set(key, value);
    }
  }

  const memory = new Map();

  function ratings() {
    const found = memory.get(`${SPACE}:${rater}`) ?? stored(`${SPACE}:${rater}`) ?? {};
    return new Map(
      Object.entries(found).filter(([id]) => items.has(id)).map(([id, rating]) => [id, checked(rating)])
        .filter(([, rating]) => rating !== null),
    );
  }

  /** Ratings are read again before one is changed, since a second window may have changed others. */
  function keep(changed) {
    const all = ratings();
    for (const [id, rating] of changed) all.set(id, rating);
    store(`${SPACE}:${rater}`, Object.fromEntries(all));
  }

  // ------------------------------------------------------------------------------------------------------------ what is shown

  /** A name as files and storage keep it, of what was typed or read. */
  function named(text) {
    return text.normalize("NFC").replace(/\s+/gu, " ").trim().slice(0, kit.longest_name).trim().toWellFormed();
  }

  function complain(message) {
    element("error").textContent = message;
    element("error").hidden = message === "";
  }

  function show() {
    const id = order[place];
    const item = items.get(id);
    element("place").textContent = `${place + 1} / ${order.length}`;
    element("prompt").textContent = item.prompt;
    element("continuation").textContent = item.continuation || " (nothing · бер нәмә лә юҡ)";
    element("continuation").classList.toggle("empty", item.continuation === "");
    element("text").scrollTop = 0;
    fill();
    element("previous").disabled = place === 0;
  }

  /** The answers that are kept for the text on show. */
  function fill() {
    const rating = ratings().get(order[place]) ?? {};
    answers.reset();
    for (const name of ["language", "fluency", "adequacy"]) {
      if (rating[name]) answers.elements[name].value = String(rating[name]);
    }
    answers.elements.comment.value = rating.comment ?? "";
    count();
  }

  function count() {
    const done = [...ratings().values()].filter(complete).length;
    element("progress").max = order.length;
    element("progress").value = done;
    const finished = done === order.length ? " All are rated: download them. Барыһы ла баһаланды." : "";
    element("status").textContent = `Rated by ${rater}: ${done} of ${order.length}.${finished}`;
  }

  function open(name) {
    rater = name;
    order = shuffled([...items.keys()].sort(), `${kit.fingerprint}\n${rater}`);
    store(SPACE, rater);
    const known = ratings();
    place = Math.max(0, order.findIndex((id) => !complete(known.get(id))));
    element("welcome").hidden = true;
    element("rating").hidden = false;
    show();
  }

  function go(target) {
    place = target;
    show();
    element("place").focus();
  }

  // ------------------------------------------------------------------------------------------------------------------ doing

  element("start").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = named(element("rater").value);
    if (name === "") return complain("Give a name or initials.");
    complain("");
    open(name);
    element("place").focus();
  });

  answers.addEventListener("input", () => {
    const given = new FormData(answers);
    const rating = { comment: given.get("comment").slice(0, kit.longest_comment).toWellFormed(), rated: new Date().toISOString() };
    if (given.get("language")) rating.language = given.get("language");
    for (const name of ["fluency", "adequacy"]) if (given.get(name)) rating[name] = Number(given.get(name));
    keep([[order[place], rating]]);
    count();
  });

  answers.addEventListener("submit", (event) => {
    event.preventDefault();
    const known = ratings();
    const open_ = order.findIndex((id) => !complete(known.get(id)));
    go(place + 1 < order.length ? place + 1 : Math.max(open_, 0));
  });

  element("previous").addEventListener("click", () => go(place - 1));

  element("leave").addEventListener("click", () => {
    store(SPACE, "");
    element("rating").hidden = true;
    element("welcome").hidden = false;
    element("rater").value = "";
    element("rater").focus();
  });

  element("export").addEventListener("click", () => {
    const known = ratings();
    const done = order.filter((id) => complete(known.get(id))).map((id) => ({ id, ...known.get(id) }));
    const content = {
      form: kit.form, version: kit.version, kit: kit.fingerprint, rater, exported: new Date().toISOString(), ratings: done,
    };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 1)], { type: "application/json" }));
    link.download = `rating-${kit.fingerprint}-${rater.replace(/[^\p{L}\p{N}]+/gu, "_")}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });

  /** Ratings of a file by id, or a complaint. */
  function imported(content) {
    if (content === null || typeof content !== "object" || content.form !== kit.form) throw Error("no file of ratings");
    if (content.version !== kit.version || content.kit !== kit.fingerprint) throw Error("ratings of other texts");
    if (typeof content.rater !== "string" || !content.rater.trim() || content.rater.length > kit.longest_name) throw Error("no rater");
    if (!Array.isArray(content.ratings)) throw Error("no ratings");
    return content.ratings.filter((each) => items.has(each?.id)).map((each) => [each.id, checked(each)])
      .filter(([, rating]) => complete(rating));
  }

  element("import").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    try {
      if (file.size > LARGEST_FILE) throw Error("too large");
      const content = JSON.parse(await file.text());
      const found = imported(content);
      rater = named(content.rater);
      const known = ratings();
      keep(found.filter(([id, rating]) => !(known.get(id)?.rated > rating.rated)));
      complain("");
      open(rater);
    } catch (error) {
      complain(`This file cannot be opened here: ${error.message}.`);
    }
    event.target.value = "";
  });

  // another window of the same rater: what was answered there must not be overwritten by what is shown here
  window.addEventListener("storage", (event) => {
    if (rater !== "" && order.length > 0 && event.key === `${SPACE}:${rater}`) fill();
  });

  const last = stored(SPACE);
  if (typeof last === "string" && last !== "") open(last);
})();
