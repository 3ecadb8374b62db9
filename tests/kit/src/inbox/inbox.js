// Shows what is new without a jump: asks once a second, replaces the page's body only when it changed,
// and leaves open what the reader has opened.
"use strict";

async function look() {
  const root = document.documentElement;
  try {
    const answer = await fetch("/?seen=" + root.dataset.version);
    if (answer.status === 200) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const open of document.querySelectorAll("details[open]")) {
        page.getElementById(open.id)?.setAttribute("open", "");
      }
      document.body.replaceWith(document.adoptNode(page.body));
      root.dataset.version = page.documentElement.dataset.version;
    }
    document.body.classList.remove("gone");
  } catch {
    document.body.classList.add("gone");
  }
  setTimeout(look, 1000);
}

setTimeout(look, 1000);
