/** Paths of the Kubernetes API (API concepts, "Resource URIs"); every part is encoded. */
export interface PathParts {
  /** Left out for cluster-scoped resources and for lists over all namespaces. */
  readonly namespace?: string;
  readonly name?: string;
  /** "status", "binding", … */
  readonly subresource?: string;
}

/** `apiPath("v1", "services")` → `/api/v1/services`; `apiPath("berth.dev/v1alpha1", "virtualips", {name, subresource: "status"})`. */
export function apiPath(apiVersion: string, resource: string, parts: PathParts = {}): string {
  const segments = [apiVersion.includes("/") ? "apis" : "api", ...apiVersion.split("/")];
  if (parts.namespace !== undefined) segments.push("namespaces", parts.namespace);
  segments.push(resource);
  if (parts.name !== undefined) segments.push(parts.name);
  if (parts.subresource !== undefined) segments.push(parts.subresource);
  return `/${segments.map(encodeURIComponent).join("/")}`;
}

/** The key of an object in an informer: `namespace/name`, or `name` for cluster-scoped objects. */
export function objectKey(namespace: string, name: string): string {
  return namespace === "" ? name : `${namespace}/${name}`;
}

/** One step of a JSON pointer (RFC 6901 section 3), for the paths of JSON patches. */
export function pointerSegment(text: string): string {
  return text.replaceAll("~", "~0").replaceAll("/", "~1");
}
