/** What the owners of the Services do in a wild run. */
import type { JsonObject } from "../../lib/model/decode.ts";
import { parseService, type Service, serviceKey } from "../../lib/model/service.ts";
import { below, pick } from "./crash-draw.ts";
import { must } from "./objects.ts";
import { CORE, create, FOREIGN_CLASS, FOREIGN_IP, KEYS, patch, type Wild } from "./wild-store.ts";

const EXPOSE = ["public", "public", "private"];
const ANNOTATIONS: readonly JsonObject[] = [
  { "berth.dev/sharing-key": "k1" },
  { "berth.dev/sharing-key": "k2" },
  { "berth.dev/sharing-key": null },
  { "metallb.io/allow-shared-ip": "k1", "berth.dev/sharing-key": null },
  { "berth.dev/ips": "10.0.0.4" },
  { "berth.dev/ips": "fd99::3" },
  { "berth.dev/ips": null },
  { "berth.dev/pool": "second" },
  { "berth.dev/pool": "second,first" },
  { "berth.dev/pool": null },
];

export function userActs(wild: Wild): void {
  const key = pick(wild, KEYS) ?? "";
  const found = wild.api.get("services", key);
  if (found === undefined) {
    createService(wild, key);
    return;
  }
  const service = must(parseService(found));
  const path = pathOf(service);
  const changes: readonly (() => void)[] = [
    () => wild.api.call({ verb: "delete", path }),
    () => {
      const type = service.type === "LoadBalancer" ? "ClusterIP" : "LoadBalancer";
      patch(wild, path, { spec: { type } });
      if (type === "ClusterIP") patch(wild, `${path}/status`, { status: { loadBalancer: null } });
    },
    () => {
      if (service.ingress.length > 0) patch(wild, `${path}/status`, { status: { loadBalancer: null } });
    },
    () => overwrite(wild, service, path),
    () => patch(wild, path, { spec: { ports: [{ protocol: "TCP", port: 80 + below(wild, 3) }] } }),
    () => patch(wild, path, { spec: { externalTrafficPolicy: pick(wild, ["Local", "Cluster"]) } }),
    () => annotate(wild, service, { "berth.dev/renumber": String(below(wild, 100)) }),
    () => changeFamilies(wild, service),
    () => patch(wild, path, { metadata: { labels: { expose: pick(wild, EXPOSE) } } }),
    () => annotate(wild, service, pick(wild, ANNOTATIONS) ?? {}),
    () => annotate(wild, service, pick(wild, ANNOTATIONS) ?? {}),
  ];
  pick(wild, changes)?.();
}

/** Another controller writes into the status: into that of a Service of its own class what it likes. */
function overwrite(wild: Wild, service: Service, path: string): void {
  const isForeign = service.loadBalancerClass === FOREIGN_CLASS && service.type === "LoadBalancer";
  const ip = isForeign ? pick(wild, ["10.0.0.2", "10.0.0.4", "fd99::3"]) : FOREIGN_IP;
  patch(wild, `${path}/status`, { status: { loadBalancer: { ingress: [{ ip }] } } });
}

function createService(wild: Wild, key: string): void {
  const [namespace = "", name = ""] = key.split("/");
  const families = pick(wild, [["IPv4"], ["IPv4"], ["IPv6"], ["IPv4", "IPv6"], ["IPv6", "IPv4"]]) ?? [];
  const policy = families.length === 1 ? "SingleStack" : pick(wild, ["PreferDualStack", "RequireDualStack"]);
  const annotations = wild.random() < 0.5 ? { "berth.dev/sharing-key": pick(wild, ["k1", "k2"]) } : {};
  create(wild, `${CORE}/namespaces/${namespace}/services`, {
    metadata: { namespace, name, annotations, labels: { expose: pick(wild, EXPOSE) } },
    spec: {
      type: "LoadBalancer",
      ...(wild.random() < 0.1 ? { loadBalancerClass: FOREIGN_CLASS } : {}),
      ipFamilies: families,
      ipFamilyPolicy: policy,
      ports: [{ protocol: "TCP", port: 80 + below(wild, 3) }],
      selector: { app: name },
    },
  });
  noteKeys(wild, must(parseService(wild.api.get("services", key) ?? null)));
}

/** Who asks for other addresses or pools, or for another address than the one he has, may be moved once for it; by a key nobody is. */
function annotate(wild: Wild, service: Service, annotations: JsonObject): void {
  const { "berth.dev/ips": ips, "berth.dev/pool": pool, "berth.dev/renumber": renumber } = annotations;
  const isOther = typeof renumber === "string" && service.meta.annotations["berth.dev/renumber"] !== renumber;
  for (const family of [4, 6]) {
    const isAsked = typeof ips === "string" && ips.includes(":") === (family === 6);
    if (!isAsked && typeof pool !== "string" && !isOther) continue;
    const key = `${service.meta.uid} ${family}`;
    wild.wishes.set(key, (wild.wishes.get(key) ?? 0) + 1);
  }
  patch(wild, pathOf(service), { metadata: { annotations } });
  noteKeys(wild, must(parseService(wild.api.get("services", serviceKey(service.meta)) ?? null)));
}

function changeFamilies(wild: Wild, service: Service): void {
  const dual = { ipFamilies: ["IPv4", "IPv6"], ipFamilyPolicy: pick(wild, ["PreferDualStack", "RequireDualStack"]) };
  const single = { ipFamilies: [service.ipFamilies[0] ?? "IPv4"], ipFamilyPolicy: "SingleStack" };
  patch(wild, pathOf(service), { spec: wild.random() < 0.6 ? dual : single });
}

function pathOf({ meta }: Service): string {
  return `${CORE}/namespaces/${meta.namespace}/services/${meta.name}`;
}

function noteKeys(wild: Wild, service: Service): void {
  const { annotations, uid } = service.meta;
  const had = wild.keys.get(uid) ?? new Set<string>();
  for (const name of ["berth.dev/sharing-key", "metallb.io/allow-shared-ip"]) had.add(annotations[name] ?? "");
  wild.keys.set(uid, had);
}
