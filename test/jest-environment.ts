/**
 * Jest's environment for Node, in a context whose global object has no interceptors: behind them each look at a global (Math, Map, Set)
 * costs ten times a call, and the simulations spent half of their time on that.
 */
import { constants, createContext, runInContext } from "node:vm";
import type { EnvironmentContext, JestEnvironmentConfig } from "@jest/environment";
import { TestEnvironment } from "jest-environment-node";

/** Those that a context has of its own, and which tests and Node must share all the same (jest-environment-node says why). */
const SHARED: ReadonlySet<string | symbol> = new Set(["ArrayBuffer", "Uint8Array"]);

export default class PlainEnvironment extends TestEnvironment {
  constructor(config: JestEnvironmentConfig, context: EnvironmentContext) {
    super(config, context);
    const plain = createContext(constants.DONT_CONTEXTIFY);
    const own = runInContext("globalThis", plain) as typeof this.global;
    const given = new Set(Reflect.ownKeys(own));
    for (const key of Reflect.ownKeys(this.global)) {
      const descriptor = Reflect.getOwnPropertyDescriptor(this.global, key);
      if (descriptor !== undefined && (!given.has(key) || SHARED.has(key)))
        Reflect.defineProperty(own, key, descriptor);
    }
    own.global = own;
    own.Error.stackTraceLimit = this.global.Error.stackTraceLimit;
    this.context = plain;
    this.global = own;
  }
}
