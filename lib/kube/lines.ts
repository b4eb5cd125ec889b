/** The lines of a watch: one JSON text each, however the chunks of the connection cut them. */
import { fail, ok, type Result } from "../runtime/result.ts";

/** An object has at most 1.5 MiB in etcd; its JSON may be a few times that. */
export const LINE_MAX_BYTES = 16 * 1024 * 1024;
const NEWLINE = 10;

export class LineSplitter {
  /** The beginning of a line whose end has not come. BOUNDED: LINE_MAX_BYTES together. */
  #parts: Buffer[] = [];
  #bytes = 0;

  /**
   * The lines that this chunk completes, without their ends, empty ones left out. Fails with "line-too-long" when a line has more
   * than LINE_MAX_BYTES; what follows is of no use then.
   */
  push(chunk: Buffer): Result<readonly string[], "line-too-long"> {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const text = this.#completed(chunk.subarray(from, end));
      if (text.trim() !== "") lines.push(text);
      from = end + 1;
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from));
    return this.#bytes > LINE_MAX_BYTES ? fail("line-too-long") : ok(lines);
  }

  #completed(last: Buffer): string {
    // A whole line in one chunk, as nearly all are, is not copied; nor is a character cut in two, since bytes are joined first.
    if (this.#parts.length === 0) return last.toString("utf8");
    const text = Buffer.concat([...this.#parts, last]).toString("utf8");
    this.#parts = [];
    this.#bytes = 0;
    return text;
  }

  #keep(rest: Buffer): void {
    this.#parts.push(rest);
    this.#bytes += rest.length;
  }
}
