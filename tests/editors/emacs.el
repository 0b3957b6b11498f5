;;; What Emacs shows of the file that is open, as JSON into the file that $ANSWER names: run by tests/test_editors.py.  -*- lexical-binding: t -*-

(require 'json)
(require 'flymake)
(setq enable-local-variables :safe)

(defun answer-wait (what done)
  "Wait until DONE gives something; fail with WHAT where that takes too long."
  (let ((end (+ (float-time) 60)) found)
    (while (not (setq found (funcall done)))
      (when (> (float-time) end) (error "%s" what))
      (accept-process-output nil 0.05))
    found))

(defun answer-write (answer)
  (with-temp-file (getenv "ANSWER") (insert (json-encode answer)))
  (kill-emacs 0))

(defun answer-looked ()
  "Flymake's diagnostics. It looks by itself where somebody looks at it: not in batch."
  (flymake-start)
  (flymake-diagnostics))

(defun answer-shown ()
  "Flymake's diagnostics, as both clients show them."
  (mapcar (lambda (one)
            (save-excursion
              (goto-char (flymake-diagnostic-beg one))
              (list (line-number-at-pos) (1+ (current-column)) (flymake-diagnostic-text one))))
          (flymake-diagnostics)))

(defmacro answering (&rest body)
  "Answer what BODY gives, or what went wrong in it."
  `(condition-case problem
       (answer-write (progn ,@body))
     (error (answer-write (list (cons 'problem (error-message-string problem)))))))

(defun answer-eglot ()
  (require 'eglot)
  (setq eglot-sync-connect 30)
  (call-interactively #'eglot)
  (answer-wait "no diagnostics" #'answer-looked)
  (let ((shown (answer-shown)) (server (eglot--current-server-or-lose)) hover actions)
    (goto-char (flymake-diagnostic-beg (car (flymake-diagnostics))))
    (setq hover (jsonrpc-request server :textDocument/hover (eglot--TextDocumentPositionParams)))
    (setq actions (mapcar (lambda (one) (plist-get one :title)) (eglot-code-actions (point) (point))))
    ;; as a user does it, who chooses by name
    (cl-letf (((symbol-function 'completing-read) (lambda (&rest _) (getenv "ACTION"))))
      (let ((eglot-confirm-server-initiated-edits nil) (last-nonmenu-event ?a))
        (eglot-code-actions (point) (point) nil t)))
    `((diagnostics . ,(vconcat shown))
      (hover . ,(plist-get (plist-get hover :contents) :value))
      (actions . ,(vconcat actions))
      (text . ,(buffer-string)))))

(defun answer-lsp-mode ()
  (require 'lsp-mode)
  (setq lsp-auto-guess-root t lsp-enable-file-watchers nil lsp-diagnostics-provider :flymake lsp-warn-no-matched-clients nil
        lsp-restart 'ignore)
  (require 'lsp-diagnostics)
  (lsp)
  (answer-wait "no diagnostics" #'answer-looked)
  (let ((shown (answer-shown)) hover actions)
    (goto-char (flymake-diagnostic-beg (car (flymake-diagnostics))))
    (setq hover (lsp-request "textDocument/hover" (lsp--text-document-position-params)))
    (setq actions (lsp-code-actions-at-point))
    (lsp-execute-code-action (cl-find (getenv "ACTION") actions :key #'lsp:code-action-title :test #'equal))
    `((diagnostics . ,(vconcat shown))
      (hover . ,(lsp:markup-content-value (lsp:hover-contents hover)))
      (actions . ,(vconcat (mapcar #'lsp:code-action-title actions)))
      (text . ,(buffer-string)))))
