/** Names by a key that several of them may have. Changed in place; a key without names is not in it. */
export type NameIndex = Map<string, Set<string>>;

/** "" is no key. */
export function link(index: NameIndex, key: string, name: string): void {
  if (key !== "") index.set(key, (index.get(key) ?? new Set()).add(name));
}

export function unlink(index: NameIndex, key: string, name: string): void {
  const names = index.get(key);
  names?.delete(name);
  if (names?.size === 0) index.delete(key);
}
