// The pages work without this; with it, GOV.UK's components add their refinements.
import { initAll } from "/static/vendor/govuk/govuk-frontend.min.js";

initAll();
