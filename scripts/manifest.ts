/** `make manifest`: writes deploy/berth.yaml. A test fails while it is not what this would write. */
import { writeFileSync } from "node:fs";
import { manifest, manifestPath } from "./deploy/manifest.ts";

writeFileSync(manifestPath, manifest());
