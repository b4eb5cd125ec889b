/** `make test` goes through all of the simulations; `make check`, which is to be over within a minute, through a part (scripts/testing/stages.ts). */
export const IS_FULL = process.env["BERTH_SIM"] === "full";
