/** Texts for people in API objects, within what the API server takes: one that is too long would be refused for ever. */

/** metav1.Condition, and the schemas of Berth's own objects: 32,768 characters; there are never more of these than bytes. */
export const MESSAGE_MAX_BYTES = 32_768;
/** events.k8s.io/v1: at most 1,024, which the API server counts in bytes. */
export const NOTE_MAX_BYTES = 1_024;

const ELLIPSIS = "…";
const encoder = new TextEncoder();

/** The text, or as much of its beginning as fits into so many bytes of UTF-8 with an ellipsis after it; no character is cut in two. */
export function bounded(text: string, maxBytes: number): string {
  // A UTF-16 unit has three bytes at most.
  if (text.length * 3 <= maxBytes || byteLength(text) <= maxBytes) return text;
  const room = new Uint8Array(maxBytes - byteLength(ELLIPSIS));
  return `${text.slice(0, encoder.encodeInto(text, room).read)}${ELLIPSIS}`;
}

/** Of the text in UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** The first so many of the texts, and how many more there are. */
export function listed(texts: readonly string[], max: number, separator: ", " | "; " = ", "): string {
  const rest = texts.length - max;
  const more = rest > 0 ? `${separator === "; " ? ";" : ""} and ${rest} more` : "";
  return `${texts.slice(0, max).join(separator)}${more}`;
}
