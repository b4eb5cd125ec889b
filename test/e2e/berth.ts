/** Berth in the lab as its users see it: installed from the manifest and the image, observed through the API. */
import { parseIp, virtualIpName } from "../../lib/address/ip.ts";
import type { Json } from "../../lib/kube/api.ts";
import { parseSpeakerLease, type SpeakerLease, speakerLeaseName } from "../../lib/model/speaker-lease.ts";
import { archivePath } from "../../scripts/image/names.ts";
import type { Lab } from "../lab/lab.ts";
import { sourceDir } from "../lab/paths.ts";
import { secondEnd } from "../lab/second-segment.ts";
import { manifest } from "./manifests.ts";

export const berthNamespace = "berth-system";
const manifestPath = `${sourceDir}../../deploy/berth.yaml`;

export interface Ingress {
  readonly ip: string;
  readonly ipMode?: string;
}

export interface ServiceObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly finalizers?: readonly string[];
  };
  readonly status: {
    readonly loadBalancer?: { readonly ingress?: readonly Ingress[] };
    readonly conditions?: readonly ConditionObject[];
  };
}

export interface ConditionObject {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export interface VipObject {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly address: string; readonly services: readonly { namespace: string; name: string }[] };
  readonly status?: {
    readonly holder?: {
      readonly node: string;
      readonly epoch: number;
      readonly interface: string;
      readonly mac: string;
      readonly reason: string;
      readonly instance: string;
      /** RFC 3339, by the clock of the node that wrote it. */
      readonly since: string;
    };
    readonly conditions?: readonly ConditionObject[];
  };
}

interface PodObject {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName: string };
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
}

export class Berth {
  readonly lab: Lab;

  constructor(lab: Lab) {
    this.lab = lab;
  }

  /** kubectl that must succeed; its standard output. */
  async kubectl(...args: readonly string[]): Promise<string> {
    const output = await this.lab.kubectl(args, { timeoutMs: 200_000 });
    if (output.code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${output.stderr}`);
    return output.stdout;
  }

  /** Loads the image, applies the manifest and waits until every program is ready; fine when that was done already. */
  async install(): Promise<void> {
    await this.lab.loadImage(archivePath);
    await this.lab.apply(manifestPath);
    await this.ready();
  }

  async ready(): Promise<void> {
    for (const what of ["deployment/berth-controller", "daemonset/berth-speaker"]) {
      await this.kubectl("-n", berthNamespace, "rollout", "status", what, "--timeout=180s");
    }
  }

  apply(...objects: readonly object[]): Promise<void> {
    return this.lab.apply(`${manifest(...objects)}\n`);
  }

  rollout(name: string, namespace = "default"): Promise<string> {
    return this.kubectl("-n", namespace, "rollout", "status", `deployment/${name}`, "--timeout=60s");
  }

  service(name: string, namespace = "default"): Promise<ServiceObject> {
    return this.lab.get<ServiceObject>(`/api/v1/namespaces/${namespace}/services/${name}`);
  }

  async ingress(name: string, namespace = "default"): Promise<readonly Ingress[]> {
    return (await this.service(name, namespace)).status.loadBalancer?.ingress ?? [];
  }

  /** Waits until the Service has exactly so many addresses; these, IPv4 first as its families say. */
  async addresses(name: string, count: number, namespace = "default", timeoutMs = 30_000): Promise<readonly string[]> {
    const probe = async (): Promise<readonly string[] | undefined> => {
      const found = (await this.ingress(name, namespace)).map(({ ip }) => ip);
      return found.length === count ? found : undefined;
    };
    return this.lab.waitFor(`service ${namespace}/${name} to have ${count} addresses`, probe, { timeoutMs });
  }

  async address(name: string, namespace = "default", timeoutMs = 30_000): Promise<string> {
    return (await this.addresses(name, 1, namespace, timeoutMs))[0] ?? "";
  }

  vip(address: string): Promise<VipObject> {
    const ip = parseIp(address);
    if (!ip.ok) throw new Error(ip.reason);
    return this.lab.get<VipObject>(`/apis/berth.dev/v1alpha1/virtualips/${virtualIpName(ip.value)}`);
  }

  async vips(): Promise<readonly VipObject[]> {
    return (await this.lab.get<{ items: readonly VipObject[] }>("/apis/berth.dev/v1alpha1/virtualips")).items;
  }

  /** Waits until the record names a holder that `accept` takes and its condition Announced is True; that holder's node. */
  async holder(address: string, accept: (node: string) => boolean = () => true, timeoutMs = 30_000): Promise<string> {
    const probe = async (): Promise<string | undefined> => {
      const { status } = await this.vip(address);
      const announced = status?.conditions?.some(({ type, status: now }) => type === "Announced" && now === "True");
      const node = status?.holder?.node ?? "";
      return node !== "" && announced === true && accept(node) ? node : undefined;
    };
    return this.lab.waitFor(`a holder of ${address}`, probe, { timeoutMs });
  }

  /** What must not change when nothing moves: every address with its Services, holder and epoch. */
  async picture(): Promise<unknown> {
    const vips = await this.vips();
    return vips
      .map(({ metadata, spec, status }) => ({
        uid: metadata.uid,
        address: spec.address,
        services: spec.services.map(({ namespace, name }) => `${namespace}/${name}`),
        node: status?.holder?.node,
        epoch: status?.holder?.epoch,
      }))
      .sort((a, b) => (a.address < b.address ? -1 : 1));
  }

  async pods(component: "controller" | "speaker"): Promise<readonly PodObject[]> {
    const selector = `app.kubernetes.io%2Fname%3Dberth%2Capp.kubernetes.io%2Fcomponent%3D${component}`;
    const path = `/api/v1/namespaces/${berthNamespace}/pods?labelSelector=${selector}`;
    return (await this.lab.get<{ items: readonly PodObject[] }>(path)).items;
  }

  async speakerOn(node: string): Promise<string> {
    return (await this.#speakerPod(node)).metadata.name;
  }

  /** What the speaker of a node says of itself; undefined: its Lease cannot be read as one. */
  async speakerLease(node: string): Promise<SpeakerLease | undefined> {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${berthNamespace}/leases/${speakerLeaseName(node)}`;
    return parseSpeakerLease(await this.lab.get<Json>(path));
  }

  async #speakerPod(node: string): Promise<PodObject> {
    const pod = (await this.pods("speaker")).find(
      ({ spec, metadata }) => spec.nodeName === node && metadata.deletionTimestamp === undefined,
    );
    if (pod === undefined) throw new Error(`no speaker pod on ${node}`);
    return pod;
  }

  /**
   * A container that was killed once is back at once, the second time after 10 s, and each time twice as long after that, up to five minutes:
   * from the second on a new pod takes the speaker's place.
   */
  async refreshSpeaker(node: string): Promise<void> {
    const { metadata, status } = await this.#speakerPod(node);
    const restarts = status.containerStatuses?.[0]?.restartCount ?? 0;
    if (restarts < 2) return;
    await this.kubectl("-n", berthNamespace, "delete", "pod", metadata.name);
    await this.ready();
  }

  /** Events of one reason about one object, newest last. */
  async events(name: string, reason: string, namespace = "default"): Promise<readonly { readonly message: string }[]> {
    const selector = `involvedObject.name%3D${name}%2Creason%3D${reason}`;
    const path = `/api/v1/namespaces/${namespace}/events?fieldSelector=${selector}`;
    return (await this.lab.get<{ items: readonly { message: string }[] }>(path)).items;
  }

  /**
   * Waits for the first answer: kube-proxy takes a second to learn of an address, which is not Berth's to measure. A SYN that came before
   * is in the node's connection tracking as a connection that nobody translates, for two minutes: a later client that gets the same port
   * would be lost in it, and a test would take that for a lost connection.
   */
  async reached(client: string, where: string, mode: "http" | "tcp" | "udp" = "http"): Promise<void> {
    const first = this.lab.connect(client, where, { mode, everyMs: 50 });
    await first.untilOk(3);
    await first.finish();
    const address = where.replace(/:\d+$/, "").replace(/[[\]]/g, "");
    const forget = ["conntrack", "-D", "-f", address.includes(":") ? "ipv6" : "ipv4", "-d", address];
    const unanswered = ["-p", "tcp", "--state", "SYN_SENT"];
    await Promise.all(this.lab.nodes.map(({ name }) => this.lab.exec(name, [...forget, ...unanswered])));
  }

  /** The MACs that answer for an address when an outside client asks `count` times by broadcast or multicast, sorted. */
  async answerers(address: string, client = "c1", count = 3, device = "eth0"): Promise<readonly string[]> {
    const v6 = address.includes(":");
    const capture = await this.lab.capture(`${client}%${device}`, v6 ? "icmp6" : "arp");
    const from = Date.now();
    try {
      for (let round = 0; round < count; round += 1) {
        const ask = v6 ? ["ndisc6", "-m", "-r", "1", address, device] : ["arping", "-c", "1", "-i", device, address];
        await this.lab.exec(client, ask, { timeoutMs: 10_000 });
      }
    } finally {
      await capture.stop();
    }
    const station = this.lab.station(client);
    const own = device === "eth0" ? station.mac : secondEnd(station).mac;
    const macs = capture.views.flatMap((frame) => {
      if (frame.timeMs < from || frame.source === own) return [];
      if (frame.arp?.operation === "reply" && frame.arp.senderIp === address) return [frame.arp.senderMac];
      if (frame.nd?.kind === "advertisement" && frame.nd.target === address) return [frame.nd.linkLayerAddress ?? "?"];
      return [];
    });
    return [...new Set(macs)].sort();
  }
}

/** ADDRESS:PORT with the brackets that IPv6 needs. */
export function target(address: string, port = 80): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
