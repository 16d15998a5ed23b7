// Runs in the app's own Node, before the app: notes which file of the app's loads which package.
"use strict";
const fs = require("fs");
const Module = require("module");
const path = require("path");
const { fileURLToPath } = require("url");

const target = process.env.TOLV_IMPORTS;
const root = (process.env.TOLV_IMPORTS_OF || "") + path.sep;
const noted = new Set();

function note(parent, name) {
  if (!parent || !name || /^(?:\.|\/|#|file:|data:|node:)/.test(name) || Module.builtinModules.includes(name)) return;
  const file = parent.startsWith("file:") ? fileURLToPath(parent) : parent;
  if (!file.startsWith(root) || file.includes("/node_modules/")) return;
  const line = `${path.relative(root, file)}\t${name}\t\n`;
  if (noted.has(line)) return;
  noted.add(line);
  try {
    fs.appendFileSync(target, line);
  } catch {
    // the app goes on
  }
}

if (target) {
  if (Module.registerHooks) {
    Module.registerHooks({
      resolve(specifier, context, next) {
        const found = next(specifier, context);
        note(context.parentURL, specifier);
        return found;
      },
    });
  } else {
    const load = Module._load;
    Module._load = function (request, parent, isMain) {
      const found = load.call(this, request, parent, isMain);
      note(parent && parent.filename, request);
      return found;
    };
  }
}
