// Says what SARIF's schema has against the log on standard input: one line a complaint.
const Ajv = require("ajv");
const schema = require("@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json");

const ajv = new Ajv({ schemaId: "auto", allErrors: true, unknownFormats: "ignore", logger: false });
ajv.addMetaSchema(require("ajv/lib/refs/json-schema-draft-04.json"));
const valid = ajv.compile(schema);
if (!valid(JSON.parse(require("fs").readFileSync(0, "utf8")))) {
    valid.errors.forEach((error) => console.log(`${error.dataPath} ${error.message}`));
}
