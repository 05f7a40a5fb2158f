{
  # For people who build with node-gyp. `build.sh` makes the same addon with the compiler alone, also in a folder whose path has a space.
  "targets": [
    {
      "target_name": "wardcc",
      "sources": ["addon.cc", "confine.cc", "credentials.cc", "stat.cc", "limits.cc", "spawn.cc"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_DISABLE_DEPRECATED", "NAPI_DISABLE_CPP_EXCEPTIONS"],
      "cflags_cc": ["-std=c++17", "-Wall", "-Wextra"],
      "conditions": [
        ["'<!(test -e gss.cc && echo yes || echo no)'=='yes'", {
          "sources": ["gss.cc", "ticket-key.cc", "credential-cache.cc"],
          "defines": ["WARDCC_GSS"],
          "libraries": ["-lgssapi_krb5", "-lkrb5"]
        }]
      ]
    }
  ]
}
