// A referral screen's walk with the generated client: suggestions, a decision, the account, and a refusal.
// `node walk.ts '{"address": …, "token": …, "crn": …, "key": …}'` prints what came back.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.d.ts";

declare const process: { argv: string[]; stdout: { write(text: string): void } };

type Decision = components["schemas"]["DecisionAnswer"];
type Refusal = components["schemas"]["ErrorAnswer"];

const given = JSON.parse(process.argv[2] ?? "{}") as { address: string; token: string; crn: string; key: string };
const client = createClient<paths>({
  baseUrl: given.address,
  headers: { Authorization: `Bearer ${given.token}` },
});

const shown = await client.GET("/v1/people/{crn}/suggestions", { params: { path: { crn: given.crn } } });
if (!shown.data) throw new Error(shown.error?.errorCode);
const set = shown.data;

const question = { action: "NONE_CHOSEN", reasonCode: "NOT_READY_YET", ownWords: "From a generated client." } as const;
const decide = () =>
  client.POST("/v1/suggestion-sets/{id}/decision", {
    params: { path: { id: set.id }, header: { "Idempotency-Key": given.key } },
    body: question,
  });
const first: Decision | undefined = (await decide()).data;
const again: Decision | undefined = (await decide()).data;
if (!first) throw new Error("the decision was not recorded");

const account = await client.GET("/v1/people/{crn}/account", { params: { path: { crn: given.crn } } });
const sent = await client.POST("/v1/suggestions", {
  body: { crn: given.crn, people: [{ sex: "MALE", region: "A", known_on: "2026-01-05" }] },
});
const nobody = await client.GET("/v1/people/{crn}/suggestions", { params: { path: { crn: "Q999999" } } });
const refusal: Refusal | undefined = nobody.error;
const wrong = await client.POST("/v1/suggestion-sets/{id}/decision", {
  params: { path: { id: set.id } },
  body: { ...question, reasonCode: "NO_SUCH_REASON" },
});

process.stdout.write(
  JSON.stringify({
    setId: set.id,
    advice: set.suggestions.map((item) => `${item.interventionId} ${item.advice} ${item.eligibility}`),
    decisionId: first.id,
    sameAgain: first.id === again?.id,
    accountTitles: account.data?.sections.map((section) => section.title),
    sentRuleOnly: sent.data?.ruleOnly,
    refusal: [nobody.response.status, refusal?.errorCode],
    wrong: [wrong.response.status, wrong.error?.errors?.map((error) => error.field)],
  }),
);
