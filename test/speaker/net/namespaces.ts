/** Namespaces on a bridge, and processes in them, for the tests on the wire. Needs root. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";

/** Named by the process that makes them, so that two working copies can be tested at once on one machine. */
export const NODE_NS = `berth-wire-node-${process.pid}`;
export const CLIENT_NS = `berth-wire-client-${process.pid}`;
export const FLOOD_NS = `berth-wire-flood-${process.pid}`;
export const SWITCH_NS = `berth-wire-switch-${process.pid}`;
const ROOT = new URL("../../../", import.meta.url).pathname;
const NODE = `${ROOT}node_modules/.bin/node`;

export const NODE_MAC = "02:00:00:00:00:01";
export const NODE_MAC_2 = "02:00:00:00:00:02";
export const CLIENT_MAC = "02:00:00:00:00:c1";

export function run(command: string): string {
  const [program = "", ...args] = command.split(" ");
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** What the command printed, also when it failed. */
export function attempt(command: string): string {
  try {
    return run(command);
  } catch (thrown) {
    return String((thrown as { stdout?: string }).stdout ?? "");
  }
}

/** The node with eth0 and eth1, and the client with eth0, all on one bridge. */
export function buildNamespaces(): void {
  removeNamespaces();
  for (const ns of [NODE_NS, CLIENT_NS, SWITCH_NS]) {
    run(`ip netns add ${ns}`);
    run(`ip netns exec ${ns} sysctl -qw net.ipv6.conf.default.accept_dad=0`);
    run(`ip -n ${ns} link set lo up`);
  }
  run(`ip -n ${SWITCH_NS} link add br0 type bridge mcast_snooping 0`);
  run(`ip -n ${SWITCH_NS} link set br0 up`);
  plug(NODE_NS, "eth0", NODE_MAC, "p0");
  plug(NODE_NS, "eth1", NODE_MAC_2, "p1");
  plug(CLIENT_NS, "eth0", CLIENT_MAC, "p2");
  addAddresses(NODE_NS, 1);
  addAddresses(CLIENT_NS, 9);
}

export function addAddresses(ns: string, host: number): void {
  run(`ip -n ${ns} addr add 192.0.2.${host}/24 dev eth0`);
  run(`ip -n ${ns} addr add 2001:db8::${host}/64 dev eth0 nodad`);
}

/** Makes an interface of the namespace, of this index if one is given, whose other end is a port of the bridge. */
export function plug(ns: string, name: string, mac: string, port: string, index?: number): void {
  run(
    `ip -n ${ns} link add ${name}${index === undefined ? "" : ` index ${index}`} address ${mac} type veth peer name ${port} netns ${SWITCH_NS}`,
  );
  run(`ip -n ${SWITCH_NS} link set ${port} master br0 up`);
  run(`ip -n ${ns} link set ${name} up`);
}

/** One more station on the bridge. */
export function plugFlooder(): void {
  run(`ip netns add ${FLOOD_NS}`);
  run(`ip -n ${FLOOD_NS} link set lo up`);
  plug(FLOOD_NS, "eth0", "02:00:00:00:00:f1", "p3");
}

/** Those of this process, and those of processes that were killed before they could. */
export function removeNamespaces(): void {
  for (const [ns, owner] of run("ip netns list").matchAll(/^berth-wire-\w+-(\d+)/gm))
    if (Number(owner) === process.pid || !existsSync(`/proc/${owner}`)) attempt(`ip netns del ${ns}`);
}

export function interfaceIndex(ns: string, name: string): number {
  return Number((JSON.parse(run(`ip -n ${ns} -j link show ${name}`)) as { ifindex: number }[])[0]?.ifindex);
}

export function linkLocalOf(ns: string, name: string): string {
  const shown = JSON.parse(run(`ip -n ${ns} -j -6 addr show dev ${name} scope link`)) as {
    addr_info?: { local?: string }[];
  }[];
  return shown.flatMap((link) => link.addr_info ?? []).find((one) => one.local !== undefined)?.local ?? "";
}

/** A process in a namespace that speaks JSON lines. */
export class Speaking<Message extends object> {
  readonly child: ChildProcess;
  readonly messages: Message[] = [];
  #wake: () => void = () => {};

  /** With `netRawOnly` as nobody, with NET_RAW as its only capability, like the speaker's container. */
  constructor(ns: string, file: string, args: readonly string[], netRawOnly = false) {
    const drop =
      "setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all,+net_raw --inh-caps=-all,+net_raw --ambient-caps=-all,+net_raw";
    const prefix = ["netns", "exec", ns, ...(netRawOnly ? drop.split(" ") : [])];
    this.child = spawn("ip", [...prefix, NODE, `${ROOT}${file}`, ...args], { stdio: ["pipe", "pipe", "inherit"] });
    createInterface({ input: this.child.stdout as NonNullable<ChildProcess["stdout"]> }).on("line", (line) => {
      this.messages.push(JSON.parse(line) as Message);
      this.#wake();
    });
  }

  tell(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  /** The first message from place `from` on that fits; rejects when none came in time. */
  async heard(fits: (message: Message) => boolean, from = 0, timeoutMs = 8000): Promise<Message> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const found = this.messages.slice(from).find(fits);
      if (found !== undefined) return found;
      const left = until - Date.now();
      if (left <= 0) throw new Error(`not heard; had ${JSON.stringify(this.messages.slice(from))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  async end(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const exited = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.stdin?.end();
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 3000);
    await exited;
    clearTimeout(timer);
  }
}

export const rest = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
