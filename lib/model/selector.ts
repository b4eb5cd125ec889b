import type { Json } from "../kube/api.ts";
import { asInteger, asText, fields, parseAll, textMap, texts } from "./decode.ts";
import type { Labels } from "./meta.ts";
import type { L2Rules, LabelSelector, PreferredNodes } from "./virtual-ip.ts";

type Expression = LabelSelector["matchExpressions"][number];

/** Whether the labels satisfy the selector (Kubernetes, "Labels and Selectors"): no selector, or an empty one, takes everything. */
export function matchesSelector(selector: LabelSelector | undefined, labels: Labels): boolean {
  if (selector === undefined) return true;
  return (
    Object.entries(selector.matchLabels).every(([key, value]) => labels[key] === value) &&
    selector.matchExpressions.every((expression) => matchesExpression(expression, labels))
  );
}

/** NotIn also takes what has no such label, as in Kubernetes. */
function matchesExpression(expression: Expression, labels: Labels): boolean {
  const value = Object.hasOwn(labels, expression.key) ? labels[expression.key] : undefined;
  switch (expression.operator) {
    case "In":
      return value !== undefined && expression.values.includes(value);
    case "NotIn":
      return value === undefined || !expression.values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}

/** A metav1.LabelSelector; undefined for one with an unknown operator or without a key. */
export function parseLabelSelector(raw: Json): LabelSelector | undefined {
  const selector = fields(raw);
  const matchExpressions = parseAll(selector["matchExpressions"], parseExpression);
  return matchExpressions && { matchLabels: textMap(selector["matchLabels"]), matchExpressions };
}

function parseExpression(raw: Json): Expression | undefined {
  const expression = fields(raw);
  const key = asText(expression["key"]);
  const operator = asText(expression["operator"]);
  if (key === undefined || !isOperator(operator)) return undefined;
  return { key, operator, values: texts(expression["values"]) };
}

function isOperator(text: string | undefined): text is Expression["operator"] {
  return text === "In" || text === "NotIn" || text === "Exists" || text === "DoesNotExist";
}

/** The `l2` block of an IPPool or VirtualIP; undefined when its selector cannot be read, since guessing could announce anywhere. */
export function parseL2Rules(raw: Json | undefined): L2Rules | undefined {
  const l2 = fields(raw);
  const interfaces = texts(l2["interfaces"]);
  const preferred = parseAll(l2["preferred"], parsePreferred);
  const rawSelector = l2["nodeSelector"];
  if (preferred === undefined) return undefined;
  if (rawSelector === undefined || rawSelector === null) return { interfaces, nodeSelector: undefined, preferred };
  const nodeSelector = parseLabelSelector(rawSelector);
  return nodeSelector && { interfaces, nodeSelector, preferred };
}

/** An entry without a selector would prefer every node to every other. */
function parsePreferred(raw: Json): PreferredNodes | undefined {
  const entry = fields(raw);
  const weight = asInteger(entry["weight"]);
  const rawSelector = entry["selector"];
  if (weight === undefined || rawSelector === undefined || rawSelector === null) return undefined;
  const selector = parseLabelSelector(rawSelector);
  return selector && { weight, selector };
}

/** The weights of all entries whose selectors take the labels, added up; 0 when none does. */
export function preferenceOf(preferred: readonly PreferredNodes[], labels: Labels): number {
  return preferred.reduce((sum, { weight, selector }) => sum + (matchesSelector(selector, labels) ? weight : 0), 0);
}

/** The block as it is written: empty parts are left out, so that equal rules have equal JSON. */
export function l2RulesJson(l2: L2Rules): Json {
  const { interfaces, nodeSelector, preferred } = l2;
  return {
    ...(interfaces.length > 0 ? { interfaces } : {}),
    ...(nodeSelector === undefined ? {} : { nodeSelector: labelSelectorJson(nodeSelector) }),
    ...(preferred.length > 0
      ? { preferred: preferred.map(({ weight, selector }) => ({ weight, selector: labelSelectorJson(selector) })) }
      : {}),
  };
}

function labelSelectorJson(selector: LabelSelector): Json {
  const { matchLabels, matchExpressions } = selector;
  return {
    ...(Object.keys(matchLabels).length > 0 ? { matchLabels } : {}),
    ...(matchExpressions.length > 0
      ? {
          matchExpressions: matchExpressions.map(({ key, operator, values }) =>
            values.length > 0 ? { key, operator, values } : { key, operator },
          ),
        }
      : {}),
  };
}
