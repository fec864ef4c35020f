// Figures of the class bashkir-interactive: drawn by Bokeh when the reader opens them, and Bokeh is loaded by the first.
(() => {
  const here = document.currentScript.src;
  let loading = null;

  const load = () => {
    loading ??= new Promise((done) => {
      const script = document.createElement("script");
      script.src = new URL("bokeh.min.js", here).href;
      script.addEventListener("load", done);
      document.head.append(script);
    });
    return loading;
  };

  for (const details of document.querySelectorAll("details.bashkir-interactive")) {
    details.hidden = false;
    details.addEventListener("toggle", async () => {
      await load();
      const target = document.createElement("div");
      details.append(target);
      await Bokeh.embed.embed_item(JSON.parse(details.querySelector("script").textContent), target);
      details.dataset.ready = "";
    }, { once: true });
  }
})();
