/**
 * A list of which one entry is changed at a time. The old list stays as it was; the new one has a path of nodes of its own, of 32
 * entries each, and shares the rest.
 */
export interface PersistentList<T> {
  readonly length: number;
  /** So many times 5 bits of an index say which way to go, before the last 5 say which entry. */
  readonly depth: number;
  readonly root: Node<T>;
}

type Node<T> = readonly T[] | readonly Node<T>[];

const BITS = 5;
const WIDTH = 1 << BITS;

export function persistentList<T>(items: readonly T[]): PersistentList<T> {
  let depth = 0;
  let nodes: readonly Node<T>[] = chunks(items);
  while (nodes.length > 1) {
    nodes = chunks(nodes);
    depth++;
  }
  return { length: items.length, depth, root: nodes[0] ?? [] };
}

/** undefined outside the list. */
export function entryAt<T>({ length, depth, root }: PersistentList<T>, index: number): T | undefined {
  if (index >= length) return undefined;
  let node: Node<T> | undefined = root;
  for (let level = depth; level > 0 && node !== undefined; level--) {
    node = (node as readonly Node<T>[])[(index >> (level * BITS)) & (WIDTH - 1)];
  }
  return (node as readonly T[] | undefined)?.[index & (WIDTH - 1)];
}

/** O(log entries). The index is one of the list's. */
export function withEntry<T>(list: PersistentList<T>, index: number, entry: T): PersistentList<T> {
  return { ...list, root: changed(list.root, list.depth, index, entry) };
}

function changed<T>(node: Node<T>, level: number, index: number, entry: T): Node<T> {
  const at = (index >> (level * BITS)) & (WIDTH - 1);
  if (level === 0) return (node as readonly T[]).with(at, entry);
  const nodes = node as readonly Node<T>[];
  return nodes.with(at, changed(nodes[at] ?? [], level - 1, index, entry));
}

function chunks<E>(items: readonly E[]): readonly (readonly E[])[] {
  return Array.from({ length: Math.ceil(items.length / WIDTH) }, (_, at) => items.slice(at * WIDTH, (at + 1) * WIDTH));
}
