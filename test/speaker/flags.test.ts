import { afterEach, describe, expect, test } from "@jest/globals";
import { readSpeakerFlags, speakerCommand } from "../../speaker/flags.ts";

const before = { ...process.env };
afterEach(() => {
  process.env = { ...before };
});

function read(args: readonly string[], env: Readonly<Record<string, string>> = {}): unknown {
  Object.assign(process.env, env);
  const said: string[] = [];
  const command = speakerCommand()
    .exitOverride()
    .configureOutput({ writeErr: (text) => said.push(text), writeOut: (text) => said.push(text) });
  try {
    return readSpeakerFlags(["node", "speaker", ...args], command);
  } catch {
    return said.join("");
  }
}

describe("flags of the speaker", () => {
  test("a node name is enough", () => {
    for (const name of ["NODE_NAME", "POD_NAME", "POD_UID", "POD_NAMESPACE"]) delete process.env[name];
    expect(read(["--node-name", "n1"])).toMatchObject({
      nodeName: "n1",
      namespace: "berth-system",
      healthPort: 7473,
      healthHost: "",
      logLevel: "info",
      uplinkCheck: false,
    });
  });

  test.each([
    ["NODE_NAME", "n2", "nodeName", "n2"],
    ["POD_NAMESPACE", "berth", "namespace", "berth"],
    ["POD_UID", "u", "podUid", "u"],
    ["POD_NAME", "p", "podName", "p"],
    ["BERTH_LOG_LEVEL", "debug", "logLevel", "debug"],
    ["BERTH_HEALTH_PORT", "9000", "healthPort", 9000],
    ["BERTH_HEALTH_HOST", "127.0.0.1", "healthHost", "127.0.0.1"],
    ["BERTH_KUBECONFIG", "/k", "kubeconfig", "/k"],
    ["BERTH_UPLINK_CHECK", "true", "uplinkCheck", true],
  ])("%s=%s is read", (variable, text, flag, value) => {
    expect(read(variable === "NODE_NAME" ? [] : ["--node-name", "n1"], { [variable]: text })).toMatchObject({
      [flag]: value,
    });
  });

  test.each([
    [["--node-name", ""], "--node-name"],
    [["--node-name", "n", "--health-port", "0"], "--health-port"],
    [["--node-name", "n", "--health-port", "7e3"], "--health-port"],
    [["--node-name", "n", "--log-level", "loud"], "--log-level"],
    [["--node-name", "n", "--uplink-check", "yes"], "--uplink-check"],
    [["--node-name", "n", "--colour"], "--colour"],
    [["--node-name", "n", "more"], "too many arguments"],
  ])("%j is refused by name", (args, named) => {
    expect(read(args)).toMatch(new RegExp(`error: .*${named}`));
  });

  test("every flag is in the help, with its variable", () => {
    // Lines are wrapped anywhere between words.
    const help = speakerCommand().helpInformation().replace(/\s+/g, " ");
    for (const option of speakerCommand().options) {
      expect(help).toContain(option.long);
      expect(help).toContain(`env: ${option.envVar}`);
    }
  });
});
