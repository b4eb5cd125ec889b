/**
 * The calls of a heartbeat as requests. Writes are JSON patches (RFC 6902) that test what they rely on, and touch
 * nothing else: a mark that another node writes on this Lease survives every renewal. The API server answers 422 to a
 * patch whose test fails.
 */
import type { Json } from "../kube/api.ts";
import { apiPath, pointerSegment } from "../kube/path.ts";
import {
  COMPONENT_LABEL,
  FENCED_BY_ANNOTATION,
  factAnnotations,
  LEAVING_ANNOTATION,
  NEXT_INSTANCE_ANNOTATION,
  PREVIOUS_INSTANCE_ANNOTATION,
  SPEAKER_COMPONENT,
  type SpeakerLease,
  serializeSpeakerLease,
  speakerLeaseName,
} from "../model/speaker-lease.ts";
import { assertNever } from "../runtime/errors.ts";
import type { LeaseCall } from "./heartbeat-types.ts";

export type LeaseRequest =
  | { readonly verb: "get"; readonly path: string }
  | { readonly verb: "create"; readonly path: string; readonly body: Json }
  | { readonly verb: "patch"; readonly path: string; readonly body: Json };

export interface LeaseContext {
  readonly namespace: string;
  readonly node: string;
  readonly instance: string;
  /** For renewTime, which people read. */
  readonly wallMs: number;
}

const API = "coordination.k8s.io/v1";

/** One operation of a JSON patch. A type, not an interface: only such a one counts as Json. */
type Operation = { readonly op: "test" | "add" | "remove"; readonly path: string; readonly value?: Json };

export function leaseRequest(call: LeaseCall, context: LeaseContext): LeaseRequest {
  const { namespace, node } = context;
  const path = apiPath(API, "leases", { namespace, name: speakerLeaseName(node) });
  const patch = (operations: readonly Operation[]): LeaseRequest => ({ verb: "patch", path, body: operations });
  switch (call.type) {
    case "read":
      return { verb: "get", path };
    case "create":
      return { verb: "create", path: apiPath(API, "leases", { namespace }), body: newLease(call.facts, context) };
    case "take":
      return patch(takeOver(call, context));
    case "renew":
      return patch(renewal(call, context));
    case "queue":
      return patch([
        { op: "test", path: "/metadata/resourceVersion", value: call.from.meta.resourceVersion },
        ...annotationsExist(call.from),
        { op: "add", path: annotation(NEXT_INSTANCE_ANNOTATION), value: context.instance },
      ]);
    case "unqueue":
      return patch([
        { op: "test", path: annotation(NEXT_INSTANCE_ANNOTATION), value: context.instance },
        { op: "remove", path: annotation(NEXT_INSTANCE_ANNOTATION) },
      ]);
    case "hand-over":
      return patch(handOver(call, context));
    case "release":
      // An empty holderIdentity is written as none, as client-go does.
      return patch([...ownedBy(context), { op: "remove", path: "/spec/holderIdentity" }]);
    default:
      return assertNever(call);
  }
}

/** Time as a Kubernetes MicroTime: RFC 3339 with exactly six decimals. */
export function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace("Z", "000Z");
}

function newLease(facts: SpeakerLease["facts"], context: LeaseContext): Json {
  return serializeSpeakerLease({
    meta: {
      name: speakerLeaseName(context.node),
      namespace: context.namespace,
      uid: "",
      resourceVersion: "",
      generation: 0,
      creationTimestamp: "",
      deletionTimestamp: undefined,
      labels: {},
      annotations: {},
      finalizers: [],
    },
    node: context.node,
    instance: context.instance,
    transitions: 0,
    renewTime: microTime(context.wallMs),
    facts,
    leaving: false,
    nextInstance: "",
    previousInstance: "",
    fencedBy: "",
  });
}

/** A new instance that adopts nothing: every mark of the old one goes, `fenced-by` too, for it holds nothing anyway. */
function takeOver(call: Extract<LeaseCall, { type: "take" }>, context: LeaseContext): readonly Operation[] {
  const { meta, transitions } = call.from;
  const marks = new Set([
    LEAVING_ANNOTATION,
    NEXT_INSTANCE_ANNOTATION,
    PREVIOUS_INSTANCE_ANNOTATION,
    FENCED_BY_ANNOTATION,
  ]);
  const kept = Object.entries(meta.annotations).filter(([key]) => !marks.has(key));
  const annotations = { ...Object.fromEntries(kept), ...factAnnotations(call.facts) };
  const time = microTime(context.wallMs);
  return [
    { op: "test", path: "/metadata/resourceVersion", value: meta.resourceVersion },
    { op: "add", path: "/metadata/labels", value: { ...meta.labels, [COMPONENT_LABEL]: SPEAKER_COMPONENT } },
    { op: "add", path: "/metadata/annotations", value: annotations },
    { op: "add", path: "/spec/holderIdentity", value: context.instance },
    { op: "add", path: "/spec/acquireTime", value: time },
    { op: "add", path: "/spec/renewTime", value: time },
    { op: "add", path: "/spec/leaseTransitions", value: transitions + 1 },
  ];
}

function renewal(call: Extract<LeaseCall, { type: "renew" }>, context: LeaseContext): readonly Operation[] {
  const { from, facts, leaving, unfence } = call;
  const operations: Operation[] = [
    ...ownedBy(context),
    { op: "add", path: "/spec/renewTime", value: microTime(context.wallMs) },
  ];
  if (facts !== undefined || leaving) operations.push(...annotationsExist(from));
  if (facts !== undefined) {
    for (const [key, value] of Object.entries(factAnnotations(facts))) {
      operations.push({ op: "add", path: annotation(key), value });
    }
  }
  if (leaving) operations.push({ op: "add", path: annotation(LEAVING_ANNOTATION), value: "true" });
  else if (LEAVING_ANNOTATION in from.meta.annotations) {
    operations.push({ op: "remove", path: annotation(LEAVING_ANNOTATION) });
  }
  if (unfence !== "") {
    operations.push(
      { op: "test", path: annotation(FENCED_BY_ANNOTATION), value: unfence },
      { op: "remove", path: annotation(FENCED_BY_ANNOTATION) },
    );
  }
  return operations;
}

/** `previous-instance` lets the next one go on with the records of this one: same node, same MAC, no move. */
function handOver(call: Extract<LeaseCall, { type: "hand-over" }>, context: LeaseContext): readonly Operation[] {
  const operations: Operation[] = [
    ...ownedBy(context),
    { op: "test", path: annotation(NEXT_INSTANCE_ANNOTATION), value: call.to },
    { op: "remove", path: annotation(NEXT_INSTANCE_ANNOTATION) },
    { op: "add", path: annotation(PREVIOUS_INSTANCE_ANNOTATION), value: context.instance },
    { op: "add", path: "/spec/holderIdentity", value: call.to },
    { op: "add", path: "/spec/renewTime", value: microTime(context.wallMs) },
    { op: "add", path: "/spec/leaseTransitions", value: call.from.transitions + 1 },
  ];
  if (LEAVING_ANNOTATION in call.from.meta.annotations) {
    operations.push({ op: "remove", path: annotation(LEAVING_ANNOTATION) });
  }
  return operations;
}

function ownedBy(context: LeaseContext): readonly Operation[] {
  return [{ op: "test", path: "/spec/holderIdentity", value: context.instance }];
}

/** `add` of one key fails where there is no map at all. */
function annotationsExist(lease: SpeakerLease): readonly Operation[] {
  return Object.keys(lease.meta.annotations).length > 0
    ? []
    : [{ op: "add", path: "/metadata/annotations", value: {} }];
}

function annotation(key: string): string {
  return `/metadata/annotations/${pointerSegment(key)}`;
}
