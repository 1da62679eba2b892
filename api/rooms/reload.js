// Loads the page anew when a part of it is missing: while servers are replaced,
// one of another version does not have the parts of this page. What has come is
// kept by the browser, so less is missing each time. It runs before all others,
// which do not run when one of them is missing.
{
  const key = "openinsure.reloads";
  const most = 12;
  let missing = false;

  addEventListener("error", ({ target }) => {
    if (missing || !(target instanceof HTMLScriptElement || target instanceof HTMLLinkElement && target.rel === "stylesheet")) return;
    missing = true;
    const tries = Number(sessionStorage.getItem(key));
    if (tries >= most) {
      document.getElementById("connection").textContent = "A part of this page is missing. Load it again in a minute.";
      return;
    }
    sessionStorage.setItem(key, tries + 1);
    setTimeout(() => location.reload(), 250 * (tries + 1));
  }, true);

  addEventListener("load", () => {
    if (!missing) sessionStorage.removeItem(key);
  });
}
