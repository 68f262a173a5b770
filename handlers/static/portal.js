// Comfort for readers with JavaScript; every page works without it.
"use strict";

// A checkbox in the head of a table ticks all rows.
for (const table of document.querySelectorAll("table[data-ticking]")) {
  const boxes = [...table.querySelectorAll('tbody input[type="checkbox"]')];
  const head = table.querySelector("thead .tick");
  if (boxes.length === 0 || !head) continue;
  const all = document.createElement("input");
  all.type = "checkbox";
  all.setAttribute("aria-label", table.dataset.ticking);
  const show = () => {
    const ticked = boxes.filter((box) => box.checked).length;
    all.checked = ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
  };
  all.addEventListener("change", () => { for (const box of boxes) box.checked = all.checked; });
  table.addEventListener("change", show);
  head.replaceChildren(all);
  show();
}

// Whoever sent a form with a mistake in it begins at the summary.
document.getElementById("problem")?.focus();

// Buttons that copy what people carry to their bank.
const news = document.getElementById("news");
function offerCopies() {
  const words = document.getElementById("live")?.dataset.copy;
  if (!words || !navigator.clipboard) return;
  for (const value of document.querySelectorAll("dd[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "small copy";
    button.textContent = words;
    button.setAttribute("aria-label", words + ": " + value.previousElementSibling.textContent);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(value.dataset.copy);
      news.textContent = news.dataset.copied;
      button.textContent = news.dataset.copied;
      setTimeout(() => { button.textContent = words; }, 3000);
    });
    value.append(" ", button);
  }
}
offerCopies();

// The page of an order shows by itself what has happened.
function watch() {
  const address = document.getElementById("live")?.dataset.changes;
  if (!address) return;
  const source = new EventSource(address);
  source.addEventListener("changed", async () => {
    const answer = await fetch(location.pathname);
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
    if (!fresh) return;
    const focused = document.activeElement?.id;
    document.getElementById("live").replaceWith(fresh);
    if (focused) document.getElementById(focused)?.focus();
    news.textContent = news.dataset.changed + " " + (fresh.querySelector(".status")?.lastChild.textContent ?? "");
    offerCopies();
    if (!fresh.dataset.changes) source.close();
  });
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}
watch();

// Files can be dropped anywhere on the form that sends them, and the reader sees how far they have come.
function offerUpload() {
  const form = document.getElementById("upload");
  if (!form) return;
  const input = form.querySelector("input[type=file]"), bar = form.querySelector("progress"), status = form.querySelector("[role=status]");
  const over = (event) => { event.preventDefault(); input.classList.toggle("over", event.type === "dragover"); };
  for (const type of ["dragover", "dragleave", "drop"]) form.addEventListener(type, over);
  form.addEventListener("drop", (event) => { if (event.dataTransfer.files.length) input.files = event.dataTransfer.files; });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const request = new XMLHttpRequest(), button = form.querySelector("button");
    const failed = () => { status.textContent = form.dataset.failed; bar.hidden = true; button.disabled = false; };
    request.upload.addEventListener("progress", (sent) => { if (sent.lengthComputable) bar.value = 100 * sent.loaded / sent.total; });
    request.upload.addEventListener("load", () => { bar.removeAttribute("value"); status.textContent = form.dataset.working; });
    request.addEventListener("error", failed);
    request.addEventListener("load", () => {
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      if (new URL(request.responseURL).pathname !== new URL(form.action).pathname) { location = request.responseURL; return; }
      if (!page.getElementById("content")) { failed(); return; }
      document.getElementById("content").replaceWith(page.getElementById("content"));
      offerUpload();
      (document.getElementById("problem") ?? document.getElementById("content")).focus();
    });
    button.disabled = true;
    bar.hidden = false;
    bar.value = 0;
    request.open("POST", form.action);
    request.send(new FormData(form));
  });
}
offerUpload();
