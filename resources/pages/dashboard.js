// Makes the page anew without a reload: what has not changed stays as it is, with its focus, its place and what is unfolded.
(() => {
  const page = document.getElementById("page");
  const silence = document.getElementById("silence");
  const pause = 1000 * Number(page.dataset.refreshSeconds);
  const patience = Math.max(pause, 5000);

  function become(here, fresh) {
    if (here.isEqualNode(fresh)) return;
    if (here.nodeName !== fresh.nodeName || here.id !== fresh.id) {
      here.replaceWith(fresh);
      return;
    }
    if (here.nodeType !== Node.ELEMENT_NODE) {
      here.data = fresh.data;
      return;
    }
    for (const { name } of [...here.attributes]) {
      if (name !== "open" && !fresh.hasAttribute(name)) here.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) here.setAttribute(name, value);
    const old = [...here.childNodes], next = [...fresh.childNodes];
    next.forEach((child, place) => (place < old.length ? become(old[place], child) : here.append(child)));
    old.slice(next.length).forEach((child) => child.remove());
  }

  async function ask() {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(patience) });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!fresh.getElementById("page")) throw new Error(`HTTP ${answer.status}`);
    const held = document.activeElement.id;
    for (const part of ["title", "link[rel=icon]", "header", "#page"]) {
      become(document.querySelector(part), fresh.querySelector(part));
    }
    // What has moved was made anew.
    if (held && document.activeElement.id !== held) document.getElementById(held)?.focus({ preventScroll: true });
  }

  async function refresh() {
    try {
      await ask();
      silence.hidden = true;
    } catch (error) {
      if (silence.hidden) {
        // Said once: a reader that speaks would say it again each time.
        const looked = document.getElementById("looked").textContent;
        silence.textContent = `The monitor does not answer. All of this is of ${looked}.`;
        silence.hidden = false;
        document.title = `No answer \u2013 ${document.title}`;
      }
    }
    setTimeout(refresh, pause);
  }

  setTimeout(refresh, pause);
})();
