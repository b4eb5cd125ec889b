/**
 * Rendezvous hashing (highest random weight; Thaler and Ravishankar 1998): every observer orders the nodes of an address the same
 * way without talking, and a node that comes or goes moves only its own addresses.
 */

/** FNV-1a over the UTF-16 units of the text, then the finalizer of MurmurHash3: cheap, and even enough to spread addresses. */
export function rendezvousWeight(address: string, node: string): number {
  let hash = 0x811c9dc5;
  for (const text of [address, "\u0000", node]) {
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The nodes by falling weight; equal weights by name. */
export function rendezvousOrder(address: string, nodes: readonly string[]): readonly string[] {
  return nodes
    .map((node) => ({ node, weight: rendezvousWeight(address, node) }))
    .sort((left, right) => right.weight - left.weight || (left.node < right.node ? -1 : 1))
    .map((entry) => entry.node);
}
