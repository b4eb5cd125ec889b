/** Entry of the frame worker: a thread of its own, so that no long collection of the main thread delays an answer. */
import { type MessagePort, workerData } from "node:worker_threads";
import { FrameLoop } from "./frame-loop.ts";

const { port } = workerData as { readonly port: MessagePort };
new FrameLoop(port).run();
