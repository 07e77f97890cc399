// Print and share. What is shared is this site's front page, never the page that is shown.
"use strict";
{
  // Buttons that need this script are hidden until it runs.
  document.documentElement.classList.add("scripted");

  async function share({ title, copied, address }, said) {
    const url = `${location.origin}/`;
    try {
      if (navigator.share) return await navigator.share({ title, url });
    } catch (error) {
      // Somebody who changed their mind wants nothing copied either.
      if (error.name === "AbortError") return;
    }
    try {
      await navigator.clipboard.writeText(url);
      said.textContent = `${copied} ${url}`;
    } catch {
      said.textContent = `${address} ${url}`;
    }
  }

  // A result may come into a page that is already there, so the page is listened to.
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-act]");
    if (!button) return;
    if (button.dataset.act === "print") print();
    else share(button.dataset, button.parentElement.querySelector("[role=status]"));
  });
}
