// What paper cannot do: filter, sort and page the lists, show the evidence of a row that is picked,
// and draw a graph to move about in. Text from a disk is only ever written with textContent.
"use strict";
(() => {
  const PER_PAGE = 100;
  const FACET_WORDS = 8;

  const element = (name, { text, ...attributes } = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (value === true) made.setAttribute(key, "");
      else if (value !== false && value !== undefined) made.setAttribute(key, value);
    }
    if (text !== undefined) made.textContent = text;
    made.append(...children);
    return made;
  };
  const number = new Intl.NumberFormat("en");
  const count = (value) => number.format(value);

  // -- where rows come from -------------------------------------------------------------------

  // Rows that lie in this file.
  const embedded = (data) => {
    const rows = { findings: data.finding_rows, assets: data.asset_rows };
    const texts = {};
    const textOf = (list, at) => {
      texts[list] ??= rows[list].map((row) => {
        const words = row[2].map((word, dimension) => data[list].words[dimension][word]);
        const facts = row[4].flatMap(([, lines]) => (Array.isArray(lines) ? lines : []));
        return [...words, ...row[3], ...facts].join("\n").toLowerCase();
      });
      return texts[list][at];
    };
    return {
      outline: data,
      async page(list, wanted) {
        const { words } = data[list];
        const passes = words.map((all, dimension) => {
          const only = wanted.only[data[list].dimensions[dimension]];
          return only && all.map((word) => only.includes(word));
        });
        const counts = words.map((all) => new Array(all.length).fill(0));
        const text = wanted.text.toLowerCase();
        let left = [];
        rows[list].forEach((row, at) => {
          if (text && !textOf(list, at).includes(text)) return;
          let heldBack = 0, by = -1;
          passes.forEach((pass, dimension) => {
            if (pass && !pass[row[2][dimension]]) { heldBack += 1; by = dimension; }
          });
          row[2].forEach((word, dimension) => {
            if (heldBack === 0 || (heldBack === 1 && by === dimension)) counts[dimension][word] += 1;
          });
          if (heldBack === 0) left.push(row);
        });
        const column = data[list].dimensions.indexOf(wanted.sort);
        if (column >= 0) left.sort((a, b) => a[2][column] - b[2][column]);
        if (wanted.reverse) left.reverse();
        return { total: left.length, counts, rows: left.slice(wanted.offset, wanted.offset + PER_PAGE) };
      },
      async row(list, id) {
        return rows[list].find((row) => row[0] === id);
      },
    };
  };

  // Rows that a served case gives, page by page.
  const served = (fetched, outline) => ({
    outline,
    async page(list, wanted) {
      const ask = new URLSearchParams();
      for (const [name, only] of Object.entries(wanted.only)) {
        for (const word of only) ask.append(name, word);
      }
      if (wanted.text) ask.set("q", wanted.text);
      if (wanted.sort) ask.set("sort", wanted.sort);
      if (wanted.reverse) ask.set("reverse", "1");
      ask.set("offset", wanted.offset);
      ask.set("limit", PER_PAGE);
      const page = await fetched(`api/${list}?${ask}`);
      // The case has changed: its words have other numbers, and its sections other counts.
      if (page.stamp !== outline.stamp) location.reload();
      return page;
    },
    async row(list, id) {
      return fetched(`api/${list}/${id}`);
    },
  });

  // -- the explorer ---------------------------------------------------------------------------

  const columns = {
    findings: [
      { name: "Severity", sort: "severity", chip: 0 },
      { name: "Priority", score: true },
      { name: "Type", sort: "type", word: 4, opens: true },
      { name: "Asset", sort: "asset", cell: 1 },
      { name: "Where", cell: 2, mono: true },
      { name: "Secret", cell: 0, mono: true },
      { name: "Opens", cell: 3 },
      { name: "State", sort: "state", word: 2 },
      { name: "Verdict", sort: "verdict", word: 1 },
      { name: "Status", sort: "status", word: 3 },
    ],
    assets: [
      { name: "Open findings", score: true },
      { name: "Asset", cell: 0, opens: true },
      { name: "Kind", sort: "kind", word: 0 },
      { name: "Cloud", sort: "cloud", word: 1 },
      { name: "Service", cell: 1 },
      { name: "Exposed", sort: "exposed", word: 2 },
      { name: "Ports", cell: 2 },
      { name: "Vulnerable", sort: "vulnerable", chip: 3 },
      { name: "Id", cell: 3, mono: true },
    ],
  };

  const explorer = (root, list, source) => {
    const outline = source.outline[list];
    const wanted = { only: {}, text: "", sort: "", reverse: false, offset: 0 };
    const unfolded = new Set();
    const search = element("input", {
      type: "search", "aria-label": `Search ${list}`, placeholder: `Search ${list}: path, name, fingerprint…`, autocomplete: "off", spellcheck: "false",
    });
    const total = element("span", { class: "total", role: "status", "aria-live": "polite" });
    const clear = element("button", { type: "button", text: "Clear filters", onclick: () => go({ only: {}, text: "", offset: 0 }) });
    const facets = element("div", { class: "facets", role: "group", "aria-label": `Filters of ${list}` });
    const head = element("tr");
    const body = element("tbody");
    const table = element("table", { "aria-label": list }, element("thead", {}, head), body);
    const back = element("button", { type: "button", text: "Back", onclick: () => go({ offset: wanted.offset - PER_PAGE }) });
    const on = element("button", { type: "button", text: "Next", onclick: () => go({ offset: wanted.offset + PER_PAGE }) });
    const shown = element("span");
    root.replaceChildren(
      element("div", { class: "finder" }, search, clear, total),
      element("div", { class: "split" }, facets, element("div", {},
        element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": `Table of ${list}` }, table),
        element("div", { class: "pager" }, shown, back, on))),
    );

    const headings = columns[list].map((column) => {
      const heading = element("th", { scope: "col", class: column.score ? "right" : false });
      if (column.sort || column.score) {
        heading.append(element("button", { type: "button", text: column.name, onclick: () => {
          const same = wanted.sort === (column.sort ?? "");
          go({ sort: column.sort ?? "", reverse: same ? !wanted.reverse : Boolean(column.chip !== undefined), offset: 0 });
        } }));
      } else heading.textContent = column.name;
      head.append(heading);
      return [column, heading];
    });

    const facet = (dimension, name, counts) => {
      const only = wanted.only[name] ?? [];
      let words = outline.words[dimension].map((word, at) => [word, counts[at]]);
      const ordered = name === "severity" || name === "vulnerable" || name === "verdict";
      if (ordered) words.reverse(); else words.sort((a, b) => b[1] - a[1]);
      words = words.filter(([word, found]) => found > 0 || only.includes(word));
      const most = unfolded.has(name) ? 200 : FACET_WORDS;
      const box = element("fieldset", {}, element("legend", { text: name[0].toUpperCase() + name.slice(1) }));
      for (const [word, found] of words.filter(([word], at) => at < most || only.includes(word))) {
        const input = element("input", { type: "checkbox", checked: only.includes(word), onchange: () => {
          const now = input.checked ? [...only, word] : only.filter((other) => other !== word);
          go({ only: { ...wanted.only, [name]: now }, offset: 0 }, [name, word]);
        } });
        input.dataset.facet = name;
        input.dataset.word = word;
        const shownWord = name === "asset" ? lastPart(word) : word || "none";
        box.append(element("label", { class: found ? false : "none", title: word }, input,
          element("span", { text: shownWord }), element("span", { class: "count", text: count(found) })));
      }
      if (words.length > FACET_WORDS) {
        const open = unfolded.has(name);
        box.append(element("button", { type: "button", class: "link more", "aria-expanded": String(open),
          text: open ? "Fewer" : `${count(words.length - FACET_WORDS)} more`, onclick: () => {
            if (open) unfolded.delete(name); else unfolded.add(name);
            show([name, null]);
          } }));
      }
      return box;
    };

    const lineOf = (row) => {
      const [id, score, words, cells] = row;
      const line = element("tr");
      for (const column of columns[list]) {
        const text = column.score ? count(score) : column.cell !== undefined ? cells[column.cell]
          : outline.words[column.chip ?? column.word][words[column.chip ?? column.word]];
        const cell = element("td", { class: column.mono ? "mono" : column.score ? "right" : false, title: column.opens || column.score ? false : text });
        if (column.opens) {
          const open = element("button", { type: "button", class: "open", text, onclick: () => { location.hash = `${list}/${id}`; } });
          open.dataset.row = id;
          cell.append(open);
        } else if (column.chip !== undefined && text && text !== "none") cell.append(element("span", { class: `chip ${text}`, text }));
        else cell.textContent = text;
        line.append(cell);
      }
      return line;
    };

    let latest = 0;
    const show = async (focus) => {
      const turn = latest += 1;
      let page;
      try {
        page = await source.page(list, wanted);
      } catch (error) {
        total.textContent = `This could not be read: ${error.message}`;
        return;
      }
      if (turn !== latest) return;
      const all = outline.total;
      total.textContent = page.total === all ? `${count(all)} ${list}` : `${count(page.total)} of ${count(all)} ${list}`;
      clear.disabled = !wanted.text && !Object.values(wanted.only).some((only) => only.length);
      if (search.value !== wanted.text && document.activeElement !== search) search.value = wanted.text;
      facets.replaceChildren(...outline.dimensions.map((name, dimension) => facet(dimension, name, page.counts[dimension])));
      for (const [column, heading] of headings) {
        const sorted = (column.sort || column.score) && wanted.sort === (column.sort ?? "");
        const up = column.score ? wanted.reverse : !wanted.reverse;
        if (sorted) heading.setAttribute("aria-sort", up ? "ascending" : "descending");
        else heading.removeAttribute("aria-sort");
        if (heading.firstElementChild) heading.firstElementChild.textContent = column.name + (sorted ? (up ? " ▴" : " ▾") : "");
      }
      body.replaceChildren(...page.rows.filter(Boolean).map(lineOf));
      if (!page.total) body.append(element("tr", {}, element("td", { colspan: columns[list].length, text: "Nothing passes these filters." })));
      const last = Math.min(wanted.offset + PER_PAGE, page.total);
      shown.textContent = page.total > PER_PAGE ? `${count(wanted.offset + 1)} to ${count(last)}` : "";
      back.hidden = on.hidden = page.total <= PER_PAGE;
      back.disabled = wanted.offset === 0;
      on.disabled = last >= page.total;
      if (focus) {
        const boxes = [...facets.querySelectorAll("input")].filter((input) => input.dataset.facet === focus[0]);
        (boxes.find((input) => input.dataset.word === focus[1]) ?? boxes[0])?.focus();
      }
    };

    // The view is in the address, so that it can be linked to and gone back to.
    const address = () => {
      const view = new URLSearchParams();
      for (const [name, only] of Object.entries(wanted.only)) for (const word of only) view.append(name, word);
      if (wanted.text) view.set("q", wanted.text);
      if (wanted.sort) view.set("sort", wanted.sort);
      if (wanted.reverse) view.set("reverse", "1");
      if (wanted.offset) view.set("from", wanted.offset);
      const text = view.toString();
      return text ? `#${list}?${text}` : `#${list}`;
    };
    const go = (change, focus) => {
      Object.assign(wanted, change);
      wanted.offset = Math.max(0, wanted.offset);
      history.replaceState(null, "", address());
      return show(focus);
    };
    let waiting;
    search.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => go({ text: search.value.trim(), offset: 0 }), 150);
    });
    return {
      show,
      address,
      to(view) {
        const only = {};
        for (const name of outline.dimensions) {
          const words = view.getAll(name);
          if (words.length) only[name] = words;
        }
        Object.assign(wanted, { only, text: view.get("q") ?? "", sort: view.get("sort") ?? "", reverse: view.has("reverse"),
          offset: Math.max(0, Number.parseInt(view.get("from") ?? "0", 10) || 0) });
        search.value = wanted.text;
        return show();
      },
    };
  };

  const lastPart = (uid) => uid.split(/[/:]/).filter(Boolean).pop() ?? uid;

  // -- the evidence of one row ----------------------------------------------------------------

  const drawer = (source, explorers) => {
    const title = element("h3", { id: "drawer-title", tabindex: "-1" });
    const chip = element("span", { class: "chip" });
    const close = element("button", { type: "button", text: "Close", onclick: () => dialog.close() });
    const content = element("div");
    const dialog = element("dialog", { "aria-labelledby": "drawer-title" }, element("header", {}, chip, title, close), content);
    let opened = null;
    document.body.append(dialog);
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("close", () => {
      if (!opened) return;
      const [list, id] = opened;
      opened = null;
      history.replaceState(null, "", explorers[list].address());
      document.querySelector(`[data-list="${list}"] [data-row="${id}"]`)?.focus({ preventScroll: true });
    });
    const fact = ([label, lines]) => {
      const texts = Array.isArray(lines) ? lines : source.outline.shared[lines];
      const name = source.outline.labels[label];
      const value = element("dd", { class: ["Id", "Fingerprint", "Public key", "Key id", "Places", "Secret"].includes(name) ? "mono" : name === "Bytes around it" ? "dump" : false,
        tabindex: name === "Bytes around it" ? "0" : false },
        ...texts.map((text) => element("span", { class: "line", text })));
      return [element("dt", { text: name }), value];
    };
    return {
      async open(list, id) {
        const row = await source.row(list, id).catch(() => undefined);
        if (!row) return;
        const [, , words, cells, facts] = row;
        const outline = source.outline[list];
        opened = [list, id];
        const level = list === "findings" ? outline.words[0][words[0]] : "";
        chip.className = `chip ${level}`;
        chip.textContent = list === "findings" ? level : outline.words[0][words[0]];
        title.textContent = list === "findings" ? `Finding ${id}: ${outline.words[4][words[4]]} on ${cells[1]}` : cells[0];
        content.replaceChildren(element("dl", { class: "facts" }, ...facts.flatMap(fact)));
        if (list === "assets") {
          const view = new URLSearchParams({ asset: cells[3] });
          content.append(element("p", { class: "facts" }, element("a", { href: `#findings?${view}`, text: "Findings on this asset" })));
        }
        if (!dialog.open) dialog.showModal();
        title.focus();
      },
      close() {
        opened = null;
        if (dialog.open) dialog.close();
      },
    };
  };

  // -- questions, where somebody can answer them ----------------------------------------------

  const questions = (fetched, templates) => {
    const input = element("input", { type: "text", "aria-label": "Question", spellcheck: "false", autocomplete: "off", value: templates[0][1] });
    const choice = element("select", { "aria-label": "Templates", onchange: () => { input.value = choice.value; ask(); } },
      ...templates.map(([name, query]) => element("option", { value: query, text: name })));
    const said = element("p", { class: "note", role: "status" });
    const table = element("table", { "aria-label": "Answer" });
    const scroll = element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Table of the answer", hidden: true }, table);
    const ask = async () => {
      try {
        const { columns: names, rows, cut } = await fetched(`api/explore?${new URLSearchParams({ query: input.value })}`);
        said.textContent = `${count(rows.length)} rows${cut ? "; there are more" : ""}`;
        table.replaceChildren(
          element("thead", {}, element("tr", {}, ...names.map((name) => element("th", { scope: "col", text: name })))),
          element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((cell) => element("td", { text: cell, title: cell }))))));
        scroll.hidden = rows.length === 0;
      } catch (error) {
        said.textContent = error.message;
        scroll.hidden = true;
      }
    };
    const form = element("form", { class: "ask", onsubmit: (event) => { event.preventDefault(); ask(); } },
      choice, input, element("button", { type: "submit", text: "Ask" }));
    document.getElementById("findings").before(element("section", { id: "ask", class: "explorer", "aria-labelledby": "h-ask" },
      element("h2", { id: "h-ask", text: "Ask the graph" }), form, said, scroll));
    document.querySelector('.side a[href="#findings"]').parentElement.before(element("li", {}, element("a", { href: "#ask", text: "Ask the graph" })));
  };

  // -- the graph ------------------------------------------------------------------------------

  const graph = () => {
    const holder = document.getElementById("graph");
    const text = document.getElementById("graph-data")?.textContent;
    if (!holder || !text || typeof cytoscape === "undefined") return;
    const { nodes, edges } = JSON.parse(text);
    if (!edges.length) return;
    const canvas = element("div", { class: "canvas", hidden: true, role: "img", "aria-label": "Graph of all paths; the paths are also drawn one by one below" });
    const fit = element("button", { type: "button", text: "Fit", hidden: true, onclick: () => drawn?.fit(undefined, 24) });
    let drawn = null;
    const styles = () => {
      const probe = element("span");
      document.body.append(probe);
      const colour = (name) => { probe.className = `chip ${name}`; const its = getComputedStyle(probe); return [its.backgroundColor, its.color]; };
      const kinds = { internet: "critical", secret: "high", vm: "low", deployment: "low", storage: "good", database: "good", identity: "good" };
      const [plain, ink] = colour("");
      const font = getComputedStyle(document.body).fontFamily;
      const rules = [
        { selector: "node", style: { label: "data(name)", shape: "round-rectangle", width: "data(width)", height: 28, "background-color": plain, color: ink,
          "border-width": 1, "border-color": ink, "font-size": 12, "font-family": font, "text-valign": "center" } },
        { selector: "edge", style: { width: 1.5, "curve-style": "bezier", "target-arrow-shape": "triangle", "line-color": ink, "target-arrow-color": ink,
          label: "data(how)", "font-size": 9, "font-family": font, color: ink, "text-rotation": "autorotate", "text-margin-y": -7 } },
        { selector: ":selected", style: { "border-width": 3 } },
      ];
      for (const [kind, name] of Object.entries(kinds)) {
        const [background, front] = colour(name);
        rules.push({ selector: `node[kind = "${kind}"]`, style: { "background-color": background, color: front, "border-color": front } });
      }
      probe.remove();
      return rules;
    };
    // Left to right: the internet, machines that hold secrets, secrets, what they open; in each
    // column a node stands where those that lead to it stand.
    const places = () => {
      const holders = new Set(edges.filter(([, to]) => nodes[to][0] === "secret").map(([from]) => from));
      const layerOf = ([kind], at) => (kind === "internet" ? 0 : holders.has(at) ? 1 : kind === "secret" ? 2 : 3);
      const layers = [[], [], [], []];
      nodes.forEach((node, at) => layers[layerOf(node, at)].push(at));
      const y = new Map();
      const most = Math.max(...layers.map((layer) => layer.length));
      for (const layer of layers) {
        const pull = (at) => {
          const from = edges.filter(([, to]) => to === at).map(([source]) => y.get(source)).filter((its) => its !== undefined);
          return from.length ? from.reduce((sum, its) => sum + its, 0) / from.length : Infinity;
        };
        const pulls = new Map(layer.map((at) => [at, pull(at)]));
        layer.sort((a, b) => pulls.get(a) - pulls.get(b) || a - b);
        layer.forEach((at, row) => y.set(at, (row + .5) * (most / layer.length) * 52));
      }
      return nodes.map((node, at) => ({ x: layerOf(node, at) * 270, y: y.get(at) }));
    };
    const draw = () => {
      const at = places();
      drawn = cytoscape({
        container: canvas,
        elements: [
          ...nodes.map(([kind, name], id) => ({ data: { id: `n${id}`, kind, name, width: name.length * 7.2 + 20 }, position: at[id] })),
          ...edges.map(([from, to, how], id) => ({ data: { id: `e${id}`, source: `n${from}`, target: `n${to}`, how: how.length > 34 ? `${how.slice(0, 33)}…` : how } })),
        ],
        style: styles(),
        layout: { name: "preset", padding: 24 },
      });
    };
    const toggle = element("button", { type: "button", "aria-expanded": "false", text: `Show as one graph (${count(nodes.length)} nodes)`, onclick: () => {
      canvas.hidden = !canvas.hidden;
      fit.hidden = canvas.hidden;
      toggle.setAttribute("aria-expanded", String(!canvas.hidden));
      toggle.textContent = canvas.hidden ? `Show as one graph (${count(nodes.length)} nodes)` : "Hide the graph";
      if (!canvas.hidden && !drawn) draw();
    } });
    document.addEventListener("themechange", () => drawn?.style(styles()));
    holder.replaceChildren(element("div", { class: "finder" }, toggle, fit), canvas);
    holder.hidden = false;
  };

  // -- the frame ------------------------------------------------------------------------------

  const theme = () => {
    const button = document.getElementById("theme");
    const names = ["auto", "light", "dark"];
    const stored = { get: () => { try { return localStorage.getItem("keydredge-theme"); } catch { return null; } },
      set: (name) => { try { localStorage.setItem("keydredge-theme", name); } catch { /* a file has no store in some browsers */ } } };
    const apply = (name) => {
      if (name === "auto") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = name;
      button.textContent = `Theme: ${name}`;
      document.dispatchEvent(new Event("themechange"));
    };
    let now = names.includes(stored.get()) ? stored.get() : "auto";
    button.addEventListener("click", () => {
      now = names[(names.indexOf(now) + 1) % names.length];
      stored.set(now);
      apply(now);
    });
    apply(now);
    button.hidden = false;
  };

  const navigation = () => {
    const links = new Map([...document.querySelectorAll(".side a")].map((link) => [link.hash.slice(1), link]));
    const seen = new Set();
    const mark = () => {
      const first = [...links.keys()].find((name) => seen.has(name));
      for (const [name, link] of links) {
        if (name === first) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
      }
    };
    const watcher = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting) seen.add(entry.target.id); else seen.delete(entry.target.id);
      }
      mark();
    }, { rootMargin: "-25% 0px -60% 0px" });
    for (const name of links.keys()) {
      const section = document.getElementById(name);
      if (section) watcher.observe(section);
    }
  };

  const start = (source) => {
    document.documentElement.classList.add("js");
    const explorers = {};
    for (const root of document.querySelectorAll("[data-list]")) {
      explorers[root.dataset.list] = explorer(root, root.dataset.list, source);
    }
    const evidence = drawer(source, explorers);
    const follow = () => {
      const [, list, rest = ""] = /^#(findings|assets)(.*)$/.exec(location.hash) ?? [];
      if (!list || !explorers[list]) return evidence.close();
      const id = /^\/(\d+)$/.exec(rest)?.[1];
      if (id) return evidence.open(list, Number(id));
      evidence.close();
      explorers[list].to(new URLSearchParams(rest.replace(/^\?/, "")));
      document.getElementById(list).scrollIntoView();
      return undefined;
    };
    addEventListener("hashchange", follow);
    for (const each of Object.values(explorers)) each.show();
    navigation();
    graph();
    theme();
    const print = document.getElementById("print");
    print.hidden = false;
    print.addEventListener("click", () => window.print());
    if (location.hash) follow();
    document.documentElement.dataset.ready = "yes";
  };

  // A served page is empty until the token that came with its address has been shown.
  const connect = async () => {
    const said = document.getElementById("wait");
    const given = /^#token=([\w-]+)$/.exec(location.hash)?.[1];
    if (given) {
      sessionStorage.setItem("keydredge-token", given);
      history.replaceState(null, "", location.pathname);
    }
    const token = sessionStorage.getItem("keydredge-token") ?? "";
    const fetched = async (path) => {
      const answer = await fetch(path, { headers: { "X-Keydredge-Token": token }, cache: "no-store" });
      if (!answer.ok) throw new Error((await answer.text()).trim() || `status ${answer.status}`);
      return answer.json();
    };
    try {
      const outline = await fetched("api/outline");
      const page = await new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        request.open("GET", "api/sections");
        request.responseType = "document";
        request.setRequestHeader("X-Keydredge-Token", token);
        request.onload = () => (request.status === 200 ? resolve(request.response) : reject(new Error(`status ${request.status}`)));
        request.onerror = () => reject(new Error("the server does not answer"));
        request.send();
      });
      document.title = `${outline.title} · keydredge`;
      const scripts = [...document.body.querySelectorAll(":scope > script")];
      document.body.replaceChildren(...page.body.childNodes, ...scripts);
      questions(fetched, outline.templates);
      start(served(fetched, outline));
    } catch (error) {
      said.textContent = `The case cannot be shown: ${error.message}. Open the address that keydredge printed; its token is good until the server ends.`;
    }
  };

  const data = document.getElementById("data");
  if (data) start(embedded(JSON.parse(data.textContent)));
  else connect();
})();
