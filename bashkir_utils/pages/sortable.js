// Tables of the class bashkir-sortable: sorted by their headers, filtered by words and by choices.
(async () => {
  const choice = (api, place) => {
    const column = api.column(place);
    const label = document.createElement("label");
    const select = document.createElement("select");
    const values = [...new Set(column.nodes().toArray().map((cell) => cell.textContent))].sort();
    select.append(new Option("all", ""), ...values.map((value) => new Option(value, value)));
    select.addEventListener("change", () => {
      const same = (_text, _row, index) => api.cell(index, place).node().textContent === select.value;
      column.search.fixed("choice", select.value ? same : null).draw();
    });
    select.id = `${api.table().node().id}-choice-${place}`;
    label.htmlFor = select.id;
    label.textContent = column.header().textContent;
    const pair = document.createElement("span");
    pair.append(label, " ", select);
    return pair;
  };

  const DataTable = (await window.bashkirDataTables).default;
  for (const table of document.querySelectorAll("table.bashkir-sortable")) {
    const caption = table.caption.textContent;
    const api = new DataTable(table, {
      paging: false,
      info: true,
      order: [],
      autoWidth: false,
      layout: { topStart: "search", topEnd: null, bottomStart: "info", bottomEnd: null },
      language: { search: "Filter by words:", info: "_TOTAL_ rows", infoEmpty: "no row", infoFiltered: "of _MAX_" },
    });
    const choices = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = `Choose in: ${caption}`;
    // MathJax would read $…$ in a name as a formula
    choices.className = "bashkir-choices tex2jax_ignore mathjax_ignore";
    choices.append(legend, ...table.dataset.choices.split(" ").filter(Boolean).map((place) => choice(api, +place)));
    const region = table.closest(".bashkir-scroll");
    region.before(choices);
    // what filters must not scroll away with the table
    region.before(api.table().container().querySelector(".dt-search"));
    region.after(api.table().container().querySelector(".dt-info"));
    table.dataset.ready = "";
  }
})();
