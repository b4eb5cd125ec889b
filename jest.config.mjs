export default {
  testEnvironment: "<rootDir>/test/jest-environment.ts",
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      { jsc: { target: "es2024", parser: { syntax: "typescript" } }, module: { type: "es6" } },
    ],
  },
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  // The two Go modules of the lab have no package.json, but haste would still walk their caches.
  modulePathIgnorePatterns: ["<rootDir>/build/"],
};
