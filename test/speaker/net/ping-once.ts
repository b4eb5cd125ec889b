/** Pings the addresses of its arguments, `ADDRESS` or `ADDRESS%INTERFACE`, and prints the results as one JSON array. */
import { parseIp } from "../../../lib/address/ip.ts";
import { ping } from "../../../speaker/net/ping.ts";

const results: object[] = [];
for (const text of process.argv.slice(2)) {
  const [address = "", name] = text.split("%");
  const ip = parseIp(address);
  if (!ip.ok) throw new Error(ip.reason);
  results.push(await ping(ip.value, 1000, name));
}
console.log(JSON.stringify(results));
