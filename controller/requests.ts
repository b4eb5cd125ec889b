/** What a Service asks for by annotation or field. MetalLB's annotations mean what they mean there. */
import { type Family, formatIp, type Ip, isUsable, parseIp, sameIp } from "../lib/address/ip.ts";
import type { Labels } from "../lib/model/meta.ts";
import type { Service } from "../lib/model/service.ts";
import { fail, ok, type Result } from "../lib/runtime/result.ts";

/** One pool by name, or several separated by commas, the first choice first; whatever their autoAssign. */
export const POOL_ANNOTATION = "berth.dev/pool";
/** Addresses separated by commas, at most one per family. */
export const IPS_ANNOTATION = "berth.dev/ips";
/** Any text; each new one is a wish for another address. */
export const RENUMBER_ANNOTATION = "berth.dev/renumber";

/** Services with the same text may have one address together. */
export const SHARING_ANNOTATION = "berth.dev/sharing-key";

const SHARING_SOURCES = [SHARING_ANNOTATION, "metallb.io/allow-shared-ip", "metallb.universe.tf/allow-shared-ip"];
const POOL_SOURCES = [POOL_ANNOTATION, "metallb.io/address-pool", "metallb.universe.tf/address-pool"];
const IPS_SOURCES = [IPS_ANNOTATION, "metallb.io/loadBalancerIPs", "metallb.universe.tf/loadBalancerIPs"];
/** As long as the schema of VirtualIPs allows. */
export const RENUMBER_MAX = 63;
const SHARING_KEY_MAX = 253;
/** BOUNDED: the list is walked at every pass. */
const POOLS_MAX = 32;

export interface AddressRequest {
  /** In the order in which they are tried; undefined: any pool that gives without being asked. */
  readonly pools: readonly string[] | undefined;
  readonly ips: ReadonlyMap<Family, Ip>;
  /** "" for none. */
  readonly renumber: string;
  /** "" for none. */
  readonly sharingKey: string;
}

/** The families of the Service in its own order; a Service has one or two. */
export function familiesOf(service: Service): readonly Family[] {
  return service.ipFamilies.map((family) => (family === "IPv4" ? 4 : 6));
}

/** The request, or what is wrong with it, in words that name the annotation or field and the way out. */
export function parseRequest(service: Service): Result<AddressRequest> {
  const { annotations } = service.meta;
  const ips = parseIps(service);
  if (!ips.ok) return ips;
  const pools = parsePools(annotations);
  if (!pools.ok) return pools;
  const renumber = annotations[RENUMBER_ANNOTATION]?.trim() ?? "";
  if (renumber.length > RENUMBER_MAX) {
    return fail(`annotation ${RENUMBER_ANNOTATION} is longer than ${RENUMBER_MAX} characters: any short text will do`);
  }
  const sharingKey = parseSharingKey(annotations);
  if (!sharingKey.ok) return sharingKey;
  return ok({ pools: pools.value, ips: ips.value, renumber, sharingKey: sharingKey.value });
}

/** The pools that the Service names; none if it names none, undefined if what it says cannot be read. */
export function askedPools({ meta }: Service): readonly string[] | undefined {
  const pools = parsePools(meta.annotations);
  return pools.ok ? (pools.value ?? []) : undefined;
}

/** The sharing key by itself, "" for none: it counts also while the rest of the request cannot be read. Undefined if it cannot be read either. */
export function askedKey({ meta }: Service): string | undefined {
  const key = parseSharingKey(meta.annotations);
  return key.ok ? key.value : undefined;
}

export function parseSharingKey(annotations: Labels): Result<string> {
  const [first, ...more] = present(annotations, SHARING_SOURCES);
  if (first === undefined) return ok("");
  const other = more.find(({ text }) => text !== first.text);
  if (other !== undefined) {
    return fail(
      `annotation ${first.source} has the key ${first.text} and ${other.source} has ${other.text}: remove one`,
    );
  }
  if (first.text.length <= SHARING_KEY_MAX) return ok(first.text);
  return fail(`annotation ${first.source} is longer than ${SHARING_KEY_MAX} characters`);
}

interface Asked {
  readonly ip: Ip;
  readonly source: string;
}

function parseIps(service: Service): Result<ReadonlyMap<Family, Ip>> {
  const asked: Asked[] = [];
  const texts = present(service.meta.annotations, IPS_SOURCES);
  if (service.loadBalancerIP !== "") texts.push({ source: "spec.loadBalancerIP", text: service.loadBalancerIP });
  for (const { source, text } of texts) {
    const list = parseList(source, text);
    if (!list.ok) return list;
    asked.push(...list.value.map((ip) => ({ ip, source })));
  }
  const ips = new Map<Family, Ip>();
  for (const { ip, source } of asked) {
    const before = asked.find((one) => one.ip.family === ip.family);
    if (before !== undefined && !sameIp(before.ip, ip)) {
      const sources = before.source === source ? source : `${before.source} and ${source}`;
      return fail(
        `asks for ${formatIp(before.ip)} and ${formatIp(ip)} (${sources}): one address per family can be asked for`,
      );
    }
    if (!familiesOf(service).includes(ip.family)) {
      return fail(
        `asks for ${formatIp(ip)}, but spec.ipFamilies of the Service has no IPv${ip.family}: add it there, or ask for another address`,
      );
    }
    ips.set(ip.family, ip);
  }
  return ok(ips);
}

function parsePools(annotations: Labels): Result<readonly string[] | undefined> {
  const [first, ...more] = present(annotations, POOL_SOURCES);
  if (first === undefined) return ok(undefined);
  const pools = [...new Set(names(first.text))];
  const other = more.find(({ text }) => names(text).join() !== names(first.text).join());
  if (other !== undefined) {
    return fail(
      `annotation ${first.source} asks for the pool ${first.text} and ${other.source} for ${other.text}: remove one`,
    );
  }
  if (pools.includes(""))
    return fail(`annotation ${first.source} is empty or has an empty part: name a pool or remove it`);
  if (pools.length > POOLS_MAX) return fail(`annotation ${first.source} names more than ${POOLS_MAX} pools`);
  return ok(pools);
}

/** Berth's own annotation counts also when it is empty, which is a mistake to be told; MetalLB takes an empty one for none. */
function present(annotations: Labels, sources: readonly string[]): { source: string; text: string }[] {
  return sources.flatMap((source, index) => {
    const text = annotations[source];
    return text === undefined || (index > 0 && text.trim() === "") ? [] : [{ source, text: text.trim() }];
  });
}

/** An IPv4 address that is written in IPv6 form (RFC 4291 section 2.5.5.2), as MetalLB reads it. */
function unmapped(ip: Ip): Ip {
  return ip.family === 6 && ip.value >> 32n === 0xffffn ? { family: 4, value: ip.value & 0xffff_ffffn } : ip;
}

function names(text: string): readonly string[] {
  return text.split(",").map((part) => part.trim());
}

function parseList(source: string, text: string): Result<readonly Ip[]> {
  const named = source.startsWith("spec.") ? source : `annotation ${source}`;
  const ips: Ip[] = [];
  for (const part of text.split(",")) {
    const ip = parseIp(part.trim());
    if (!ip.ok) return fail(`${named}: ${ip.reason}`);
    const plain = unmapped(ip.value);
    const usable = isUsable(plain);
    if (!usable.ok) return fail(`${named}: ${usable.reason}, which no Service can have`);
    ips.push(plain);
  }
  return ok(ips);
}
