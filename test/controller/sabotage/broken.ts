/** What a rule that is broken on purpose is, and who must find it. */
export interface Broken {
  readonly rule: string;
  /** Of the module in whose place the broken one comes, from the root of the repository. */
  readonly module: string;
  readonly breaks: (real: object) => object;
  /** The test file, without `.test.ts`, from `test/controller`. */
  readonly finder: string;
}

export interface Found {
  readonly by: string;
}

/** `module` without a path is one of controller/. */
export function broken<M extends object>(
  rule: string,
  module: string,
  breaks: (real: M) => Partial<M>,
  { by }: Found,
): Broken {
  const path = module.includes("/") ? module : `controller/${module}`;
  return { rule, module: `${path}.ts`, breaks: (real) => breaks(real as M), finder: by };
}
