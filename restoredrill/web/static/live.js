// Better with a little script: the part that changes is fetched and put in place, so that nothing jumps and no place on
// the page is lost. Without it the page loads itself again.
"use strict";
const refresh = document.querySelector('meta[http-equiv="refresh"]');
if (refresh) {
  const pause = Number(refresh.content) * 1000;
  refresh.remove();
  const again = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(location.href, { credentials: "same-origin" });
        if (!answer.ok) throw new Error(answer.statusText);
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        const typing = document.activeElement && document.activeElement.matches("input, select");
        if (!typing) document.querySelector("main").replaceWith(fresh.querySelector("main"));
        document.title = fresh.title;
        if (!fresh.querySelector('meta[http-equiv="refresh"]')) return;
      } catch {
        // away for a while: the next try comes
      }
    }
    setTimeout(again, pause);
  };
  setTimeout(again, pause);
}
