// The pages work without this; with it, GOV.UK's components add their refinements.
import { initAll } from "/static/vendor/govuk/govuk-frontend.min.js";

initAll();

// On the form for a different intervention: what stands against the one that is chosen, beside the choice.
const choice = document.getElementById("intervention");
const why = document.getElementById("intervention-why");
if (choice && why) {
  const show = () => {
    const found = [...document.querySelectorAll("[data-why]")].find((line) => line.dataset.why === choice.value);
    why.textContent = found ? found.textContent : "";
    why.hidden = !found;
  };
  choice.addEventListener("change", show);
  show();
}
