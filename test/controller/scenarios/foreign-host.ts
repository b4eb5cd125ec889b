/** What the speakers write of hosts outside the cluster that use an address (speaker/election/conditions.ts). */
import type { Scene } from "./scene.ts";

export const MAC = "02:aa:00:00:00:01";

/** It answers for the address. */
export function foreignHost(scene: Scene, address: string, mac = MAC, holder?: { node: string; epoch: number }): void {
  const message = `${mac}, no node of this cluster, answers for ${address} as well: give that host another address`;
  write(scene, address, { status: "True", reason: "ForeignHost", message }, holder);
}

/** It has fallen silent. */
export function noForeignHost(scene: Scene, address: string): void {
  write(scene, address, { status: "False", reason: "NoConflict", message: "" });
}

function write(
  scene: Scene,
  address: string,
  said: { readonly status: string; readonly reason: string; readonly message: string },
  holder?: { node: string; epoch: number },
): void {
  const name = scene.vips().find((vip) => vip.address === address)?.meta.name ?? address;
  scene.vipStatus(name, {
    conditions: [{ type: "Conflict", lastTransitionTime: "2026-06-01T00:00:00Z", ...said }],
    ...(holder === undefined ? {} : { holder }),
  });
}
