-- What Neovim shows of the buffer that is open, as JSON into the file that $ANSWER names: run by tests/test_editors.py.
local patience = 60000

local function ask(client, method, params)
  local reply = client:request_sync(method, params, patience, 0)
  assert(reply and not reply.err, method .. ": " .. vim.inspect(reply))
  return reply.result
end

local function answer()
  assert(vim.wait(patience, function() return #vim.diagnostic.get(0) > 0 end, 50), "no diagnostics")
  local shown = vim.diagnostic.get(0)
  local first = shown[1]
  local client = vim.lsp.get_clients({ bufnr = 0, name = "cancelcheck" })[1]
  vim.api.nvim_win_set_cursor(0, { first.lnum + 1, first.col })
  local hover = ask(client, "textDocument/hover", vim.lsp.util.make_position_params(0, client.offset_encoding))
  local asked = vim.lsp.util.make_range_params(0, client.offset_encoding)
  asked.context = { diagnostics = { first.user_data.lsp } }
  local actions = ask(client, "textDocument/codeAction", asked)
  -- as a user does it: the action that is asked for by its name
  vim.lsp.buf.code_action({
    apply = true,
    filter = function(action) return action.title == vim.env.ACTION end,
  })
  vim.wait(patience, function() return vim.bo.modified end, 50)
  return {
    diagnostics = vim.tbl_map(function(one) return { one.lnum + 1, one.col + 1, one.code, one.message } end, shown),
    hover = hover.contents.value,
    actions = vim.tbl_map(function(one) return one.title end, actions),
    text = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\n") .. "\n",
  }
end

local good, result = pcall(answer)
local file = assert(io.open(vim.env.ANSWER, "w"))
file:write(vim.json.encode(good and result or { problem = tostring(result), messages = vim.fn.execute("messages") }))
file:close()
vim.cmd("qall!")
