import type { Json } from "../kube/api.ts";
import { parseMeta } from "./decode.ts";
import type { Labels } from "./meta.ts";

/** The part of a core/v1 Namespace that pools select by. Kubernetes labels each with its own name (kubernetes.io/metadata.name). */
export interface Namespace {
  readonly name: string;
  readonly labels: Labels;
}

export function parseNamespace(raw: Json): Namespace | undefined {
  const meta = parseMeta(raw);
  return meta && { name: meta.name, labels: meta.labels };
}
