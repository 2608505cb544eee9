"""The example referral screens: a caseload, a person's suggestions, a decision with its reason."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from pydantic import ValidationError

from serving import account as accounts
from serving import contests, decisions
from serving.audit_log import Actor
from serving.errors import not_found
from serving.reasons import Action, reasons
from serving.routes.models import report
from serving.schemas.base import Crn
from serving.schemas.contests import ContestQuestion
from serving.schemas.decisions import DecisionQuestion
from serving.screens.environment import page, sayer
from serving.screens.messages import Sayer
from serving.screens.session import (
    COOKIE,
    DEMO_USER,
    SCREEN_ROLES,
    SignedIn,
    on_this_machine,
    safe_following,
)
from serving.screens.view import Panel, decision_line, not_met, panel
from serving.services import Parts, Services
from serving.store import cases as case_store
from serving.store.cases import CaseLine
from serving.store.idempotency import once
from serving.suggestions import kept, open_case, show
from serving.words import day

router = APIRouter(include_in_schema=False)

SIZE: Final = 20
SEE_OTHER: Final = 303
FormText = Annotated[str, Form(max_length=20_000)]


@router.get("/")
def home() -> RedirectResponse:
    """The first page is the caseload."""
    return RedirectResponse("/referrals/", status_code=SEE_OTHER)


@router.get("/sign-in")
def sign_in_page(
    *, request: Request, parts: Parts, following: Annotated[str, Query(alias="next")] = "/referrals/"
) -> HTMLResponse:
    """Whose caseload?"""
    on_this_machine(request)
    say = sayer()
    day_now = parts.as_of(None)
    with parts.database.read() as connection:
        found = case_store.practitioners(connection, running_on=day_now)
    options = [
        {"value": name, "text": say("sign_in.option", name=name, count=count)} for name, count in found
    ]
    options.append({"value": DEMO_USER, "text": say("sign_in.everybody")})
    return page(request, "sign_in.html", options=options, next=safe_following(following))


@router.post("/sign-in")
def sign_in(
    *,
    request: Request,
    parts: Parts,
    user: FormText = DEMO_USER,
    following: Annotated[str, Form(alias="next")] = "/referrals/",
) -> RedirectResponse:
    """Sign in as that practitioner."""
    on_this_machine(request)
    assert parts.dev_keys is not None
    token = parts.dev_keys.token(user_name=user.strip()[:240] or DEMO_USER, authorities=SCREEN_ROLES)
    answer = RedirectResponse(safe_following(following), status_code=SEE_OTHER)
    answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", path="/")
    return answer


@router.get("/sign-in/token")
def token_of_this_session(*, request: Request, user: SignedIn) -> PlainTextResponse:
    """The bearer token behind this session, to try the API with: paste it under Authorize in the API documentation."""
    on_this_machine(request)
    del user
    return PlainTextResponse(request.cookies[COOKIE], headers={"Cache-Control": "no-store"})


@router.post("/sign-out")
def sign_out(request: Request) -> RedirectResponse:
    """Sign out."""
    on_this_machine(request)
    answer = RedirectResponse("/sign-in", status_code=SEE_OTHER)
    answer.delete_cookie(COOKIE, path="/")
    return answer


@router.get("/referrals")
def without_slash() -> RedirectResponse:
    """The address without its slash."""
    return RedirectResponse("/referrals/", status_code=SEE_OTHER)


@router.get("/referrals/")
def people(
    *,
    request: Request,
    parts: Parts,
    user: SignedIn,
    crn: Annotated[str, Query(max_length=20)] = "",
    view: Annotated[str, Query(max_length=10)] = "mine",
    number: Annotated[int, Query(alias="page", ge=0, le=1_000_000)] = 0,
) -> HTMLResponse:
    """People: one's own caseload, or everybody, or those whose CRN begins as asked."""
    mine = view != "all" and user.name != DEMO_USER
    wanted = crn.strip().upper()
    day_now = parts.as_of(None)

    def lines_of(number: int) -> tuple[list[CaseLine], int]:
        with parts.database.read() as connection:
            return case_store.page(
                connection,
                practitioner=user.name if mine else None,
                crn_prefix=wanted or None,
                running_on=None if wanted else day_now,
                number=number,
                size=SIZE,
            )

    lines, total = lines_of(number)
    pages = -(-total // SIZE)
    if total and not lines:  # an address from when there were more people: their last page
        number = pages - 1
        lines, total = lines_of(number)
    address = {"view": "mine" if mine else "all", **({"crn": wanted} if wanted else {})}
    return page(
        request,
        "list.html",
        people=lines,
        total=total,
        number=number,
        pages=pages,
        mine=mine,
        crn=wanted,
        pagination=_pagination(number, pages, address),
    )


def _pagination(number: int, pages: int, address: Mapping[str, str]) -> dict[str, Any]:
    say = sayer()
    answer: dict[str, Any] = {"landmarkLabel": say("list.pages")}
    if number > 0:
        answer["previous"] = {"href": _address(number - 1, address), "text": say("list.previous")}
    if number < pages - 1:
        answer["next"] = {"href": _address(number + 1, address), "text": say("list.next")}
    return answer


def _address(number: int, address: Mapping[str, str]) -> str:
    return "/referrals/?" + urlencode({**address, "page": number})


@router.get("/referrals/equality-report")
def equality_report(*, parts: Parts, user: SignedIn) -> Response:
    """The equality report, as reviewers see it."""
    del user
    return report(parts, "html")


@router.get("/referrals/{crn}")
def person(
    *,
    request: Request,
    crn: Crn,
    parts: Parts,
    user: SignedIn,
    recorded: Annotated[str, Query(max_length=40)] = "",
    asked: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """One person: what could help, why, and what was decided."""
    return _person(request, parts, crn, user.name, recorded=recorded, asked=asked)


def _person(
    request: Request,
    parts: Services,
    crn: str,
    user: str,
    *,
    recorded: str = "",
    asked: str = "",
    errors: list[dict[str, str]] | None = None,
) -> HTMLResponse:
    say = sayer()
    actor = Actor(who=user, correlation_id=request.state.correlation_id)
    view = panel(show(parts, crn=crn, as_of=None, setting=None, actor=actor), say)
    with parts.database.read() as connection:
        line = case_store.line(connection, crn)
        made = decisions.of_person(connection, crn)
        raised = contests.of_person(connection, crn)
    names = {item.id: item.name for item in parts.catalogue.interventions}
    return page(
        request,
        "person.html",
        status=400 if errors else 200,
        crn=crn,
        panel=view,
        line=line,
        banner=_banner(made, raised, recorded, asked),
        decisions=[decision_line(decision, names, say) for decision in made],
        contests=[_contest_line(contest) for contest in raised],
        choices=_choices(view, say),
        errors=errors or [],
    )


def _banner(
    made: list[dict[str, Any]], raised: list[dict[str, Any]], recorded: str, asked: str
) -> str | None:
    """What has just been done, when it is really there."""
    say = sayer()
    for decision in made:
        if decision["id"] == recorded:
            return say("person.recorded", date=day(decision["decidedAt"]))
    for contest in raised:
        if contest["id"] == asked:
            return say(
                "person.contest_recorded", date=day(contest["raisedAt"]), reference=contest["reference"]
            )
    return None


def _contest_line(contest: Mapping[str, Any]) -> str:
    say = sayer()
    line = say("challenge.line", reference=contest["reference"], date=day(contest["raisedAt"]))
    if contest["outcome"] is None:
        return f"{line}. {say('challenge.open')}."
    outcome = say("challenge.answered", outcome=say(f"outcome.{contest['outcome']}"))
    return f"{line}. {outcome}. {contest['explanation']}"


def _choices(view: Panel, say: Sayer) -> list[dict[str, Any]]:
    """What can be decided. Nothing is selected for anyone."""
    found: list[dict[str, Any]] = [
        {
            "value": f"accept:{card.id}",
            "text": say("decide.accept", name=card.name),
            "hint": {"text": f"{card.type}. {card.needs}"},
        }
        for card in view.cards
    ]
    found.append(
        {"value": "depart", "text": say("decide.depart"), "hint": {"text": say("decide.depart_hint")}}
    )
    found.append({"value": "none", "text": say("decide.none"), "hint": {"text": say("decide.none_hint")}})
    return found


@dataclass(frozen=True, kw_only=True)
class TickedChoice:
    """What was ticked: an action, and the intervention when it is known already."""

    action: Action
    intervention_id: str | None


def _choice(text: str, document: Mapping[str, Any]) -> TickedChoice | None:
    """What a ticked value means for this set; None when it means nothing."""
    if text == "depart":
        return TickedChoice(action=Action.DEPARTED, intervention_id=None)
    if text == "none":
        return TickedChoice(action=Action.NONE_CHOSEN, intervention_id=None)
    ranked = {item["interventionId"] for item in document["suggestions"] if item["rank"] is not None}
    chosen = text.removeprefix("accept:")
    return TickedChoice(action=Action.ACCEPTED, intervention_id=chosen) if chosen in ranked else None


def _set(parts: Services, crn: str, set_id: str, user: str) -> Mapping[str, Any]:
    """The set that a form belongs to, if it is this person's and the user may see it."""
    open_case(parts, crn=crn, user=user)
    with parts.database.read() as connection:
        found = kept(connection, set_id)
    if found is None or found[0] != crn:
        raise not_found("suggestion set")
    return found[1]


@router.get("/referrals/{crn}/decision")
def decision_page(
    *,
    request: Request,
    crn: Crn,
    parts: Parts,
    user: SignedIn,
    set_id: Annotated[str, Query(alias="set", max_length=40)] = "",
    choice: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    """Why? The same question for every decision."""
    document = _set(parts, crn, set_id, user.name)
    found = _choice(choice, document)
    if found is None:
        errors = [{"text": sayer()("decide.choose"), "href": "#choice"}]
        return _person(request, parts, crn, user.name, errors=errors)
    return _decision_page(request, crn, document, found, choice=choice, key=str(uuid.uuid4()))


def _decision_page(
    request: Request,
    crn: str,
    document: Mapping[str, Any],
    found: TickedChoice,
    *,
    choice: str,
    key: str,
    given: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
) -> HTMLResponse:
    say = sayer()
    given, wrong = given or {}, wrong or {}
    names = {item["interventionId"]: item["name"] for item in document["suggestions"]}
    chosen = {
        Action.ACCEPTED: names.get(found.intervention_id or "", ""),
        Action.DEPARTED: say("decide.depart"),
        Action.NONE_CHOSEN: say("decide.none"),
    }[found.action]
    return page(
        request,
        "decision.html",
        status=400 if wrong else 200,
        crn=crn,
        set_id=document["id"],
        choice=choice,
        key=key,
        chosen=chosen,
        interventions=_interventions(document, given.get("intervention", ""))
        if found.action is Action.DEPARTED
        else None,
        not_met=not_met(document, say) if found.action is Action.DEPARTED else (),
        reasons=[
            {"value": line.code, "text": line.label, "checked": line.code == given.get("reason")}
            for line in reasons()[found.action]
        ],
        own_words=given.get("own_words", ""),
        own_view=given.get("own_view", ""),
        errors=[{"text": text, "href": f"#{name}"} for name, text in wrong.items()],
        field_errors={name: {"text": text} for name, text in wrong.items()},
    )


def _interventions(document: Mapping[str, Any], given: str) -> list[dict[str, Any]]:
    """Every intervention that was not suggested, to choose from by name."""
    say = sayer()
    others = [item for item in document["suggestions"] if item["rank"] is None]
    found: list[dict[str, Any]] = [{"value": "", "text": say("decide.which_choose"), "selected": not given}]
    found.extend(
        {
            "value": item["interventionId"],
            "text": say("decide.which_label", name=item["name"], status=say(f"status.{item['eligibility']}")),
            "selected": item["interventionId"] == given,
        }
        for item in sorted(others, key=lambda item: str(item["name"]))
    )
    return found


@router.post("/referrals/{crn}/decision")
def decide(
    *,
    request: Request,
    crn: Crn,
    parts: Parts,
    user: SignedIn,
    set_id: Annotated[str, Form(alias="set", max_length=40)],
    choice: FormText,
    key: Annotated[str, Form(max_length=64)],
    reason: FormText = "",
    intervention: FormText = "",
    own_words: FormText = "",
    own_view: FormText = "",
) -> Response:
    """Record it, and show it recorded."""
    document = _set(parts, crn, set_id, user.name)
    found = _choice(choice, document)
    if found is None:
        errors = [{"text": sayer()("decide.choose"), "href": "#choice"}]
        return _person(request, parts, crn, user.name, errors=errors)
    given = {"intervention": intervention, "reason": reason, "own_words": own_words, "own_view": own_view}
    wrong = _wrong(found, given)
    if not wrong:
        question = DecisionQuestion.model_validate(
            {
                "action": found.action,
                "interventionId": intervention if found.action is Action.DEPARTED else found.intervention_id,
                "reasonCode": reason,
                "ownWords": _plain(own_words) or None,
                "ownView": _plain(own_view) or None,
            }
        )
        actor = Actor(who=user.name, correlation_id=request.state.correlation_id)
        asked = once(
            who=user.name, route=f"decision {set_id}", key=key, body=question.model_dump(mode="json")
        )
        answer, _ = decisions.decide(parts, set_id=set_id, question=question, actor=actor, once=asked)
        return RedirectResponse(f"/referrals/{crn}?recorded={answer['id']}", status_code=SEE_OTHER)
    return _decision_page(request, crn, document, found, choice=choice, key=key, given=given, wrong=wrong)


def _wrong(found: TickedChoice, given: Mapping[str, str]) -> dict[str, str]:
    """What a form lacks, by field."""
    say = sayer()
    wrong = {}
    if found.action is Action.DEPARTED and not given["intervention"]:
        wrong["intervention"] = say("decide.which_missing")
    if given["reason"] not in {line.code for line in reasons()[found.action]}:
        wrong["reason"] = say("decide.reason_missing")
    if given["reason"] == "OTHER" and not given["own_words"].strip():
        wrong["own_words"] = say("decide.own_words_missing")
    for name in ("own_words", "own_view"):
        if len(_plain(given[name])) > 4000:
            wrong[name] = say("decide.too_long")
    return wrong


def _plain(text: str) -> str:
    """What was written, with a browser's line ends made plain and stray control characters left out."""
    joined = text.replace("\r\n", "\n")
    return "".join(letter for letter in joined if letter in "\n\t" or letter >= " ").strip()


@router.get("/referrals/{crn}/contest")
def contest_page(
    *,
    request: Request,
    crn: Crn,
    parts: Parts,
    user: SignedIn,
    set_id: Annotated[str, Query(alias="set", max_length=40)] = "",
) -> HTMLResponse:
    """What should be looked at again?"""
    document = _set(parts, crn, set_id, user.name)
    return page(
        request, "contest.html", crn=crn, set_id=document["id"], key=str(uuid.uuid4()), grounds="", errors=[]
    )


@router.post("/referrals/{crn}/contest")
def contest(
    *,
    request: Request,
    crn: Crn,
    parts: Parts,
    user: SignedIn,
    set_id: Annotated[str, Form(alias="set", max_length=40)],
    key: Annotated[str, Form(max_length=64)],
    grounds: FormText = "",
) -> Response:
    """Record the request, and show its reference."""
    _set(parts, crn, set_id, user.name)
    try:
        question = ContestQuestion(grounds=_plain(grounds))
    except ValidationError:
        text = sayer()("decide.too_long" if grounds.strip() else "challenge.grounds_missing")
        return page(
            request,
            "contest.html",
            status=400,
            crn=crn,
            set_id=set_id,
            key=key,
            grounds=grounds,
            errors=[{"text": text, "href": "#grounds"}],
        )
    actor = Actor(who=user.name, correlation_id=request.state.correlation_id)
    asked = once(who=user.name, route=f"contest {set_id}", key=key, body=question.model_dump(mode="json"))
    answer, _ = contests.contest(parts, set_id=set_id, question=question, actor=actor, once=asked)
    return RedirectResponse(f"/referrals/{crn}?asked={answer['id']}", status_code=SEE_OTHER)


@router.get("/referrals/{crn}/account")
def account(*, request: Request, crn: Crn, parts: Parts, user: SignedIn) -> HTMLResponse:
    """The plain account that the person can be given."""
    actor = Actor(who=user.name, correlation_id=request.state.correlation_id)
    return page(request, "account.html", crn=crn, account=accounts.account(parts, crn=crn, actor=actor))
