import { readdirSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { fields } from "../../lib/model/decode.ts";
import { parseIPPool } from "../../lib/model/ip-pool.ts";
import { API_VERSION, GROUP } from "../../lib/model/meta.ts";
import { holderJson, parseVirtualIP, usedByText, virtualIPJson } from "../../lib/model/virtual-ip.ts";
import { poolCases, stories, virtualIpCases } from "../e2e/crds.cases.ts";
import { fullSample, pathsRead, readCrd, readDocuments, schemaOf, schemaPaths, violations } from "./schema.ts";

const pool = readCrd("ippool.yaml");
const vip = readCrd("virtualip.yaml");

describe("CRDs and model", () => {
  test.each([
    { crd: pool, kind: "IPPool", short: "ipp" },
    { crd: vip, kind: "VirtualIP", short: "vip" },
  ])("$kind has its names and its status apart", ({ crd, kind, short }) => {
    expect(`${crd.spec.group}/${crd.spec.versions[0]?.name}`).toBe(API_VERSION);
    expect(crd.metadata.name).toBe(`${crd.spec.names.plural}.${GROUP}`);
    expect(crd.spec.scope).toBe("Cluster");
    expect(crd.spec.names.kind).toBe(kind);
    expect(crd.spec.names.shortNames).toEqual([short]);
    expect(crd.spec.versions[0]?.subresources.status).toEqual({});
  });

  test.each([
    { crd: pool, kind: "IPPool", parse: parseIPPool },
    { crd: vip, kind: "VirtualIP", parse: parseVirtualIP },
  ])("the model of $kind reads exactly the fields of the schema", ({ crd, parse }) => {
    const schema = schemaOf(crd);
    const sample = { ...fields(fullSample(schema)), metadata: { name: "sample" } };
    expect(parse(sample)).toBeDefined();
    expect([...pathsRead(sample, parse)].sort()).toEqual([...schemaPaths(schema)].sort());
  });

  test("what is written as a VirtualIP fits its schema and reads back the same", () => {
    const spec = {
      address: "10.99.0.200",
      pool: "first",
      services: [
        {
          namespace: "default",
          name: "web",
          uid: "u1",
          externalTrafficPolicy: "Local" as const,
          ports: [
            { name: "", protocol: "TCP" as const, port: 80 },
            { name: "dns", protocol: "UDP" as const, port: 53 },
          ],
        },
      ],
      l2: {
        interfaces: ["eth0"],
        nodeSelector: {
          matchLabels: { rack: "a" },
          matchExpressions: [
            { key: "edge", operator: "In" as const, values: ["yes"] },
            { key: "off", operator: "DoesNotExist" as const, values: [] },
          ],
        },
        preferred: [
          { weight: 100, selector: { matchLabels: { edge: "yes" }, matchExpressions: [] } },
          {
            weight: 1,
            selector: {
              matchLabels: {},
              matchExpressions: [{ key: "rack", operator: "In" as const, values: ["a", "b"] }],
            },
          },
        ],
      },
    };
    const json = virtualIPJson("10.99.0.200", spec);
    expect(violations(schemaOf(vip), json)).toEqual([]);
    expect(parseVirtualIP(json)).toMatchObject(spec);
    expect(usedByText([...spec.services, { ...spec.services[0], name: "dns" } as never])).toBe(
      "default/web,default/dns",
    );
  });

  test("a holder reads back as it was written", () => {
    const holder = {
      node: "n1",
      instance: "n1-x",
      epoch: 7,
      since: "2026-11-01T10:00:00Z",
      interface: "eth0",
      mac: "02:00:00:00:00:01",
      from: "",
      reason: "first-holder",
    };
    const json = {
      ...fields(
        virtualIPJson("10.0.0.1", {
          address: "10.0.0.1",
          pool: "p",
          services: [],
          l2: { interfaces: [], nodeSelector: undefined, preferred: [] },
        }),
      ),
      status: { holder: holderJson(holder) },
    };
    expect(violations(schemaOf(vip), json)).toEqual([]);
    expect(parseVirtualIP(json)?.holder).toEqual(holder);
  });

  test("both CRDs have the same l2 block and the same conditions", () => {
    const [poolSchema, vipSchema] = [schemaOf(pool), schemaOf(vip)];
    expect(vipSchema.properties?.["spec"]?.properties?.["l2"]?.properties).toEqual(
      poolSchema.properties?.["spec"]?.properties?.["l2"]?.properties,
    );
    expect(vipSchema.properties?.["status"]?.properties?.["conditions"]).toEqual(
      poolSchema.properties?.["status"]?.properties?.["conditions"],
    );
  });

  test("the columns show single values, since kubectl prints only the first item of a list", () => {
    for (const crd of [pool, vip]) {
      const paths = schemaPaths(schemaOf(crd));
      for (const column of crd.spec.versions[0]?.additionalPrinterColumns ?? []) {
        if (column.jsonPath.startsWith(".metadata") || column.jsonPath.includes("conditions[?(@.type==")) continue;
        expect(paths).toContain(column.jsonPath.slice(1));
      }
    }
    expect(vip.spec.versions[0]?.additionalPrinterColumns.map((column) => column.name)).toEqual(
      "ADDRESS POOL SERVICES NODE INTERFACE MAC EPOCH SINCE ANNOUNCED".split(" "),
    );
  });

  test("the rules about the holder stand at the root, where `status: null` does not bypass them", () => {
    const root = schemaOf(vip)["x-kubernetes-validations"] ?? [];
    expect(root.filter((rule) => rule.rule.includes("oldSelf.status.holder"))).toHaveLength(2);
    expect(schemaOf(vip).properties?.["status"]?.["x-kubernetes-validations"]).toBeUndefined();
  });

  test("every rule says something that a user can read", () => {
    const texts = [pool, vip].flatMap((crd) => JSON.stringify(crd).match(/"rule":/g) ?? []);
    const messages = [pool, vip].flatMap((crd) => JSON.stringify(crd).match(/"message(Expression)?":"/g) ?? []);
    expect(messages).toHaveLength(texts.length);
    expect(texts.length).toBeGreaterThan(10);
  });
});

describe("objects", () => {
  const accepted = [...poolCases, ...virtualIpCases].filter((one) => one.refusal === undefined);
  test.each([...accepted, ...stories])("$name fits the schema", ({ object }) => {
    const schema = schemaOf(object["kind"] === "IPPool" ? pool : vip);
    expect(violations(schema, object)).toEqual([]);
  });

  test("a wrong object does not fit", () => {
    const wrong = {
      spec: {
        addresses: "10.0.0.0/24",
        autoAssign: "yes",
        priority: 0,
        weight: 1,
        l2: { nodeSelector: { matchExpressions: [{ key: "a", operator: "Is" }] } },
      },
    };
    expect(violations(schemaOf(pool), wrong)).toEqual([
      ".spec.addresses: not a list",
      ".spec.autoAssign: not a boolean",
      ".spec.priority: out of bounds",
      ".spec.weight: unknown",
      ".spec.l2.nodeSelector.matchExpressions[0].operator: Is is not one of In,NotIn,Exists,DoesNotExist",
    ]);
    expect(violations(schemaOf(pool), { spec: {} })).toEqual([".spec.addresses: missing"]);
  });
});

describe("examples", () => {
  const files = readdirSync(new URL("../../examples/", import.meta.url)).filter((file) => file.endsWith(".yaml"));

  test("are there", () => {
    expect(files).toEqual(expect.arrayContaining(["first-pool.yaml", "first-service.yaml"]));
  });

  test.each(files)("%s holds whole objects that fit", (file) => {
    const documents = readDocuments(`examples/${file}`).map(fields);
    expect(documents.length).toBeGreaterThan(0);
    for (const document of documents) {
      expect(document).toMatchObject({
        apiVersion: expect.any(String),
        kind: expect.any(String),
        metadata: { name: expect.any(String) },
      });
      if (document["kind"] === "IPPool") expect(violations(schemaOf(pool), document)).toEqual([]);
    }
  });

  test("the first Service asks for what the first pool has", () => {
    const service = readDocuments("examples/first-service.yaml")
      .map(fields)
      .find((document) => document["kind"] === "Service");
    expect(service?.["spec"]).toMatchObject({ type: "LoadBalancer", ipFamilyPolicy: "PreferDualStack" });
  });
});
